"""`python -m serve.audit check`: check whether a dossier proves its content, from its file alone."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from fraud.secret_files import read_secret
from fraud.settings.part import long_enough
from serve.audit.collected import read_collected
from serve.audit.command import CollectedAnchors
from serve.audit.dossier.annex import ANNEX_FILE, read_annex
from serve.audit.dossier.checking import Means, check
from serve.audit.dossier.sealing import JSON_FILE, open_sealed
from serve.audit.errors import AuditError
from serve.prediction_log.anchor_key import AnchorKey


def check_command(
    file: Annotated[Path, typer.Argument(help=f"A dossier's {JSON_FILE}.", dir_okay=False)],
    key_file: Annotated[
        Path | None, typer.Option(help="File with AUDIT_KEY, to check signatures.", dir_okay=False)
    ] = None,
    anchors: CollectedAnchors = None,
    annex: Annotated[
        Path | None, typer.Option(help=f"{ANNEX_FILE}: the records with all their rows.", dir_okay=False)
    ] = None,
) -> None:
    """Check a dossier from its file alone: no database, no network, no settings.

    Exit status: 0 the answers are proven; 10 something differs, and is named; 20 nothing differs, but the file alone
    does not prove everything; 2 the check could not run.
    """
    key = None
    if key_file is not None:
        key = AnchorKey(long_enough(f"--key-file={key_file}", read_secret("--key-file", key_file).strip()))
    collected = read_collected(anchors or (), key)
    if collected.findings:
        raise AuditError(f"the anchors can't be used: {collected.findings[0]}")
    hashes = {chain_id: collected.hashes(chain_id) for chain_id in collected.ends}
    found = check(open_sealed(_read(file)), Means(key, hashes, {} if annex is None else read_annex(_read(annex))))
    _print("differs", found.differs)
    _print("proven", found.proven)
    _print("not proven", found.unproven)
    _print("note", found.notes)
    typer.echo(found.verdict)
    sys.exit(found.verdict.exit_status)


def _print(what: str, told: Sequence[str]) -> None:
    for one in told:
        typer.echo(f"{what}: {one}")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise AuditError(f"{path} can't be read: {error.strerror}") from None
