"""`python -m serve.labels`: record outcomes of applications from a file."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from fraud.acting_person import person_here
from fraud.command_line import CommandLine
from fraud.counted import counted
from fraud.owner_session import owner_transaction
from fraud.verdict import Verdict
from serve.errors import RowFault
from serve.labels.errors import InvalidLabels
from serve.labels.label import checked
from serve.labels.reading import rows_of_file
from serve.labels.table import record, told

APPLICATION_NAME: Final = "labels"


def load(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV or Parquet.")],
    key: Annotated[
        str | None,
        typer.Option(help="Idempotency key: labels sent again under it are recorded once; default: a new key."),
    ] = None,
) -> None:
    """Record outcomes of applications, corrections and withdrawals: all of them or none.

    The file has the columns application_id, outcome (divorce, no_divorce or withdrawn), date (YYYY-MM-DD, of the
    divorce, of the day on which the couple was seen married, or of the withdrawal) and source (who reported it).
    Earlier labels of an application stay on record.

    Run it as the owner of the database. Exit status: 0 recorded; 30 labels are invalid, and each fault is named; 2 an
    error. With 30 and 2 nothing has changed.
    """
    labels, faults = checked(rows_of_file(file.read_bytes()), dt.datetime.now(dt.UTC).date())
    if faults:
        _refuse(file, faults)
    with owner_transaction(APPLICATION_NAME) as connection:
        try:
            done = record(connection, person_here(), f"file:{key or uuid.uuid4()}", labels)
        except InvalidLabels as error:
            connection.rollback()
            _refuse(file, error.faults)
    typer.echo(told(done))


def _refuse(file: Path, faults: Sequence[RowFault]) -> NoReturn:
    for fault in faults:
        field = "" if fault.field is None else f", {fault.field}"
        typer.echo(f"{file}, label {fault.instance + 1}{field}: {fault.message}", err=True)
    number = counted(len(faults), "fault")
    typer.echo(f"{number}, nothing was recorded", err=True)
    raise typer.Exit(Verdict.DATA_QUALITY_FAULT.exit_status)


if __name__ == "__main__":
    CommandLine(load)()
