"""`python -m initdb load FILE...`, and the first start's load of APPLICATIONS_FILE."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from fraud.database import connect
from fraud.provenance import read_provenance
from fraud.settings import load_settings
from initdb.applications.mode import Mode
from initdb.console import console, errors_in_one_line
from initdb.schema import apply_schema
from initdb.training_table import has_rows


def load_command(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV, Parquet or Arrow (stream or file).")],
    *,
    renamed: Annotated[
        list[str] | None, typer.Option("--map", metavar="THEIRS=OURS", help="Name of a column in the file. Repeatable.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace all existing applications; asks first.")] = False,
    replace_same: Annotated[
        bool, typer.Option("--replace-same", help="Replace those with the same application_id.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Load your own applications, with their dates and labels, in addition to the existing ones.

    A file has the columns Date (YYYY-MM-DD), the features and Divorce (0 or 1), in any order; others are ignored. An
    application_id identifies the scored application; in a file without it, each row gets one made from the file's
    SHA-256.

    Everything is checked first: each fault is reported with its line and column, and then nothing is loaded. An
    existing application_id is a fault, unless --replace-same is given. Dates and labels are not changed.

    Exit status: 0 everything is loaded; 30 rows are faulty; 2 an error. In both of these cases nothing has changed.
    """
    mode, mapping = _mode(replace=replace, replace_same=replace_same), _mapping(renamed or [])
    with errors_in_one_line():
        dsn = load_settings().dsn()
        apply_schema(dsn)
        if replace and not yes:
            _confirm_replacing(dsn)
        _load(dsn, files, mapping, mode)


def _mode(*, replace: bool, replace_same: bool) -> Mode:
    if replace and replace_same:
        raise typer.BadParameter("can't be given together with --replace-same", param_hint="--replace")
    return Mode.REPLACE if replace else Mode.REPLACE_SAME if replace_same else Mode.APPEND


def _mapping(renamed: list[str]) -> dict[str, str]:
    mapping = {}
    for one in renamed:
        theirs, _, ours = one.rpartition("=")
        if not theirs or not ours:
            raise typer.BadParameter("must be THEIRS=OURS, as in 'application date=Date'", param_hint="--map")
        mapping[theirs] = ours
    return mapping


def _confirm_replacing(dsn: str) -> None:
    with connect(dsn) as connection:
        loaded, provenance = has_rows(connection), read_provenance(connection)
    if loaded:
        console.print(f"This removes: {provenance or 'applications of unknown origin'}.", highlight=False)
        typer.confirm("Replace them?", abort=True, err=True)


def _load(dsn: str, files: list[Path], renamed: Mapping[str, str], mode: Mode) -> None:
    # Arrow takes half a second to import.
    from initdb.applications.loading import Load, load_files  # noqa: PLC0415

    console.print(f"Loaded {load_files(dsn, Load(tuple(files), renamed, mode), console)}.", highlight=False)
    with connect(dsn) as connection:
        provenance = read_provenance(connection)
    if provenance is not None and provenance.reference:
        console.print(
            f"The table also has {'; '.join(map(str, provenance.reference))}: "
            "`python -m initdb load --replace` keeps only yours.",
            style="yellow",
            highlight=False,
        )


def load_first(dsn: str, file: Path, renamed: Mapping[str, str], force: bool) -> None:
    """Load the file unless there are applications already; `force`: in their place."""
    with connect(dsn) as connection:
        loaded, provenance = has_rows(connection), read_provenance(connection)
    if not loaded or force:
        _load(dsn, [file], renamed, Mode.REPLACE)
        return
    console.print(f"Already loaded: {provenance or 'applications of unknown origin'}.", highlight=False)
    if provenance is None or not provenance.has_file(file.name):
        console.print(f"{file.name} is not among them; `python -m initdb load` adds it.", style="yellow")
