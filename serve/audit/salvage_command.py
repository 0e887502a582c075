"""`python -m serve.audit salvage`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

import msgspec
import typer

from fraud.counted import counted
from fraud.settings import load_settings
from fraud.verdict import Verdict
from serve.audit.salvage import Salvage, Salvaged
from serve.logs import LogFormat, configure_logging
from serve.prediction_log.anchor_key import anchor_key
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.table import LogTable

logger = logging.getLogger(__name__)


def salvage() -> None:
    """Ship the provable records of damaged files in the spool, and report the rest.

    Run it on the server's machine, as the owner of the database; servers may keep running. Prints JSON to standard
    output, and text to standard error. A file is removed once all its records are in the log; others stay. Exit status:
    0 nothing is left; 10 some files are left; 2 the command could not run.
    """
    settings = load_settings()
    configure_logging("audit", LogFormat(settings.log_format))
    spool = settings.spool_folder()
    anchors = Anchors(spool, anchor_key(settings))
    anchors.refuse_without_key()
    salvaged = Salvage(spool, LogTable(settings.dsn()), anchors).run()
    shipped = sum(one.shipped for one in salvaged)
    logger.info("salvaged: %s of %s", counted(shipped, "record"), counted(len(salvaged), "file"))
    _tell(salvaged)
    left = any(one.is_kept for one in salvaged)
    sys.exit((Verdict.FAIL if left else Verdict.PASS).exit_status)


def _tell(salvaged: Sequence[Salvaged]) -> None:
    for one in salvaged:
        kept = "kept" if one.is_kept else "removed"
        typer.echo(
            f"{one.file}: {counted(one.proven, 'record')} proven, {one.shipped} shipped; {kept}: {one.why}", err=True
        )
    if not salvaged:
        typer.echo("there is no damaged file", err=True)
    typer.echo(msgspec.json.format(msgspec.json.encode({"files": salvaged}), indent=2).decode())
