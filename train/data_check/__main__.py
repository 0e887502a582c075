"""`python -m train.data_check`: may a model be trained on what PostgreSQL holds?"""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import Annotated

import typer

from fraud.command_line import CommandLine
from fraud.database import connect
from fraud.report.verdict_file import write_verdict
from fraud.schema_version import read_version
from fraud.settings import DatabaseRole, Settings, load_settings
from fraud.statistics.design_weights import design_weights
from train.data_check.checks import check_applications
from train.data_check.report import DataReport
from train.maturity import known_before, label_cutoff
from train.table import ID, LOOKED_AT, read_rows

app = CommandLine()


@app.command()
def main(
    today: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Applications from this day on are unknown to training [TODAY]."),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--report", help="Folder of verdict.json; default: <RUN_DIR>/data_check.")
    ] = None,
) -> None:
    """Check rows, dates, labels, bounds, missing values and copies of the applications that training would read.

    Exit status: 0 fit to train on, 30 data-quality fault, 20 too few, 2 error.
    """
    settings = load_settings()
    report = _check(settings, today.date() if today else settings.today)
    write_verdict(folder or settings.run_dir / "data_check", report.verdict, report.reasons, _details(report))
    _print(report)
    sys.exit(report.verdict.exit_status)


def _check(settings: Settings, today: dt.date) -> DataReport:
    cutoff = label_cutoff(today, settings.label_maturity_days)
    with connect(settings.dsn(DatabaseRole.TRAINER), application_name="data check") as connection:
        read_version(connection)
        table = read_rows(connection, cutoff, known_before(today))
    weights = design_weights(table[LOOKED_AT].to_numpy())
    return check_applications(table.drop_columns([ID, LOOKED_AT]), cutoff, settings.data_limits, weights)


def _details(report: DataReport) -> dict[str, object]:
    return {"cutoff": report.cutoff, "rows": report.rows, "findings": report.findings}


def _print(report: DataReport) -> None:
    typer.echo(f"{report.verdict.upper()}: {len(report.findings)} checks of {report.rows:,} applications")
    for reason in report.reasons:
        typer.echo(f"- {reason}")


if __name__ == "__main__":
    app()
