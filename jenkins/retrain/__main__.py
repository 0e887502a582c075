"""`python -m jenkins.retrain`: from the data to the server, in seven stages."""

from __future__ import annotations

import datetime as dt
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from bench.gate.lock import RETRAINING, alone
from fraud.command import EXIT_ERROR, interrupt_once, print_error
from fraud.command_line import CommandLine
from fraud.registry import Registry
from fraud.report.stored import store_report
from fraud.settings import DatabaseRole, Settings, load_settings
from fraud.verdict import Verdict
from jenkins.retrain.junit import write_junit
from jenkins.retrain.record import read_record
from jenkins.retrain.report import stored_report
from jenkins.retrain.run import Patience, Retraining, begin
from jenkins.retrain.stages import Stage, Task
from jenkins.tracing import end_span

BY_HAND: Final = "by hand"
REASON_CHARACTERS: Final = 200

app = CommandLine()


def _one_line(reason: str) -> str:
    if not reason.isprintable() or len(reason) > REASON_CHARACTERS:
        raise typer.BadParameter(f"expected one line of at most {REASON_CHARACTERS} characters")
    return reason.strip() or BY_HAND


@app.command()
def main(
    *,
    today: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Applications from this day on are unknown to it [TODAY]."),
    ] = None,
    reason: Annotated[
        str, typer.Option(callback=_one_line, help="Reason, stored as the version's tag `retraining_reason`.")
    ] = BY_HAND,
    folder: Annotated[
        Path | None, typer.Option("--report", help="Folder of all reports; default: <RUN_DIR>/retrain.")
    ] = None,
    stage: Annotated[
        Stage | None,
        typer.Option(help="Run only this stage: the folder's next one, or its last one if that was inconclusive."),
    ] = None,
) -> None:
    """Check the data, train, prove parity, gate, shadow, promote with the server, verify; the first failure ends it.

    If the gate is inconclusive only because the machine is busy, it is measured again, up to RETRAIN_TRIES times in
    total.

    Exit status: 0 a new version is in production, 10 rejected, 20 inconclusive, 30 data-quality fault, 2 error. With
    --stage: the exit status of that stage. `verdict.json` and `junit.xml` say the same.
    """
    interrupt_once()
    try:
        settings = load_settings()
        task = Task(
            today=today.date() if today else settings.today,
            reason=reason,
            folder=(folder or settings.run_dir / "retrain").absolute(),
        )
        verdict = _retrain(settings, task, stage)
    except KeyboardInterrupt:
        print_error("interrupted; the stage has ended")
        sys.exit(EXIT_ERROR)
    sys.exit(verdict.exit_status)


def _retrain(settings: Settings, task: Task, stage: Stage | None) -> Verdict:
    registry = Registry(settings.tracking_uri(), settings.model_name, settings.registry_timeout_s)
    with alone(settings.dsn(DatabaseRole.TRAINER), settings.model_name, RETRAINING):
        if stage in {None, Stage.DATA_CHECK}:
            begun = begin(task)
        else:
            # The first stage stored the facts of the whole retraining.
            begun = read_record(task.folder)
            task = replace(task, today=begun.today, reason=begun.reason)
        patience = Patience(settings.retrain_tries, settings.retrain_pause_s)
        retraining = Retraining(task, registry, Console(), patience)
        record = retraining.run_all(begun) if stage is None else retraining.run_stage(begun, stage)
    write_junit(record, task.folder)
    if record.is_over:
        end_span(record.span, "retraining", record.verdict)
        store_report(settings.dsn(DatabaseRole.TRAINER), stored_report(record))
    verdict, reasons = record.verdict, record.reasons
    if stage is not None:
        verdict, reasons = record.stages[-1].verdict, record.stages[-1].reasons
    typer.echo(f"{verdict.upper()}: {'; '.join(reasons)}")
    return verdict


if __name__ == "__main__":
    app()
