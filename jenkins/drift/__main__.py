"""`python -m jenkins.drift`: are the applications that come in still those that the model in production knows?"""

from __future__ import annotations

import datetime as dt
import logging
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from fraud.command import EXIT_ERROR, print_error
from fraud.command_line import CommandLine
from fraud.errors import ProjectError
from fraud.report.stored import store_report
from fraud.settings import DatabaseRole, load_settings
from fraud.verdict import Verdict
from jenkins.drift.claim_file import write_claim
from jenkins.drift.control import control_report, told
from jenkins.drift.groups.check import GroupCheck
from jenkins.drift.groups.report import stored_report as stored_groups_report
from jenkins.drift.looked_at import store_looked_at
from jenkins.drift.monitor import Monitor
from jenkins.drift.report.files import JSON_FILE, PAGE_FILE, stored_report, write_report
from jenkins.drift.report.page import headline
from jenkins.tracing import caller_span, stage_span

logger = logging.getLogger(__name__)

DRIFT_FOLDER: Final = "drift"
"""In the run folder: the report."""
GROUPS_FOLDER: Final = "groups"
"""In the run folder: the verdict on groups of applicants."""

app = CommandLine()

Today = Annotated[
    dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Full days (UTC) before this one count [TODAY].")
]
Folder = Annotated[Path | None, typer.Option("--report", help="Folder of the report; default: <RUN_DIR>/drift.")]


@app.callback(invoke_without_command=True)
def drift(context: typer.Context) -> None:
    """Check whether applicants differ from the training data of the model in production; default command: check."""
    if context.invoked_subcommand is None:
        check()


@app.command()
def check(
    today: Today = None,
    folder: Folder = None,
    now: Annotated[
        bool, typer.Option("--now", help="Check the running day too, with all answers before this moment.")
    ] = False,
) -> None:
    """Compare the last full day, and the last DRIFT_WINDOW days, with the reference of the version in production.

    Exit status: 0 no drift, 10 drift, 20 too few applications, 30 data-quality fault (repair the feed, do not retrain),
    2 error. `verdict.json`, `report.html` and `junit.xml` say the same.
    """

    def work(monitor: Monitor) -> int:
        where = folder or monitor.settings.run_dir / DRIFT_FOLDER
        # Should this one crash, nobody must take the last one's verdict for its own.
        (where / JSON_FILE).unlink(missing_ok=True)
        result = monitor.check(now=now)
        write_report(result, where)
        store_report(monitor.settings.dsn(DatabaseRole.TRAINER), stored_report(result))
        console = Console()
        colour = {Verdict.PASS: "green", Verdict.INCONCLUSIVE: "yellow"}.get(result.verdict, "red")
        console.print(f"[bold {colour}]{headline(result).upper()}[/] after {result.seconds:.2f} s")
        for reason in (*result.reasons, *result.notes):
            console.print(f"- {escape(reason)}", soft_wrap=True, highlight=False)
        console.print(f"Report: {escape(str(where / PAGE_FILE))}", soft_wrap=True)
        return result.verdict.exit_status

    _run("check", today, work)


@app.command()
def groups(
    today: Today = None,
    folder: Annotated[
        Path | None, typer.Option("--report", help="Folder of verdict.json; default: <RUN_DIR>/groups.")
    ] = None,
) -> None:
    """Compare by group whom production suspected in the last full month (UTC) and in the month before.

    It assumes a review of GATE_REVIEW_CAPACITY of each month's answers. If outcomes are known, they are compared with
    the predictions. Exit status: 0 no significant change, 10 a finding that a person should look at, 20 too few
    answers, 2 error. `verdict.json` has the figures of all groups.
    """

    def work(monitor: Monitor) -> int:
        where = folder or monitor.settings.run_dir / GROUPS_FOLDER
        (where / JSON_FILE).unlink(missing_ok=True)
        try:
            found = monitor.groups()
        except ProjectError as error:
            found = GroupCheck(Verdict.ERROR, (str(error),))
        found.write(where)
        groups_report = stored_groups_report(found, dt.datetime.now(dt.UTC))
        store_report(monitor.settings.dsn(DatabaseRole.TRAINER), groups_report)
        colour = {Verdict.PASS: "green", Verdict.INCONCLUSIVE: "yellow"}.get(found.verdict, "red")
        console = Console()
        console.print(f"[bold {colour}]{found.verdict.upper()}[/]")
        for reason in found.reasons:
            console.print(f"- {escape(reason)}", soft_wrap=True, highlight=False)
        console.print(f"Figures: {escape(str(where / JSON_FILE))}", soft_wrap=True)
        return found.verdict.exit_status

    _run("groups", today, work)


@app.command()
def claim(
    today: Today = None,
    folder: Folder = None,
    again: Annotated[
        bool, typer.Option("--again", help="Even if the version has been retrained for, or a short time ago.")
    ] = False,
) -> None:
    """Claim a retraining because of the drift that the last check found; only one of several claims is granted.

    Exit status: 0 train now, 10 not now (this version has been retrained for, DRIFT_COOLDOWN_DAYS are not over, or
    RETRAIN_TRIES retrainings decided nothing): a person should look, 2 error.
    """

    def work(monitor: Monitor) -> int:
        answer = monitor.claim(again=again)
        write_claim(answer, folder or monitor.settings.run_dir / DRIFT_FOLDER)
        if answer.granted:
            typer.echo(answer.reason)
            return Verdict.PASS.exit_status
        logger.warning("drift, and no retraining: %s", answer.reason)
        return Verdict.FAIL.exit_status

    _run("claim", today, work)


@app.command("give-back")
def give_back(
    today: Today = None,
    folder: Folder = None,
    reason: Annotated[str, typer.Option(help="How the retraining ended.")] = "its retraining decided nothing",
) -> None:
    """Release the last claim, whose retraining decided nothing: the next check with drift may claim again.

    After RETRAIN_TRIES of them for one version no further claim is granted automatically. Exit status: 0 released, 10
    there is none to release (already released, or another version is in production), 2 error.
    """

    def work(monitor: Monitor) -> int:
        answer = monitor.give_back(reason)
        if answer is None:
            typer.echo("no claim of a retraining is open: nothing to release")
            return Verdict.FAIL.exit_status
        write_claim(answer, folder or monitor.settings.run_dir / DRIFT_FOLDER)
        typer.echo(f"The claim is {answer.reason}")
        return Verdict.PASS.exit_status

    _run("give-back", today, work)


@app.command()
def rebuild() -> None:
    """Count all logged applications again, in the database; after a restore, or if bins are newer than answers.

    Erased applications are then no longer counted.
    """

    def work(monitor: Monitor) -> int:
        with Progress(console=Console(stderr=True)) as bar:
            task = bar.add_task("counting, a day at a time", total=None)
            rows = monitor.rebuild(lambda done, days: bar.update(task, completed=done, total=days))
        typer.echo(f"{rows:,} hours counted")
        return 0

    _run("rebuild", None, work)


@app.command()
def control(today: Today = None) -> None:
    """Measure with the control sample (REVIEW_CONTROL_SHARE) how much better than chance reviews find quick divorces.

    Exit status: 0 better than chance, 10 no better, 20 too few outcomes to tell, 2 error.
    """

    def work(monitor: Monitor) -> int:
        report = control_report(monitor.settings, monitor.today)
        typer.echo(told(report))
        return report.verdict.exit_status

    _run("control", today, work)


@app.command("looked-at")
def looked_at() -> None:
    """Store with each outcome the probability with which it was observed, from the decisions on record, for training.

    Run it if outcomes are known only for reviewed applications; it needs REVIEW_CONTROL_KEY and the login of the
    database's owner. Exit status: 0 written, 2 error.
    """

    def work(monitor: Monitor) -> int:
        typer.echo(str(store_looked_at(monitor.settings)))
        return 0

    _run("looked-at", None, work)


def _run(command: str, today: dt.datetime | None, work: Callable[[Monitor], int]) -> NoReturn:
    logging.basicConfig(format="%(levelname)s: %(message)s")
    try:
        settings = load_settings()
        with stage_span(f"drift {command}", caller_span()) as span:
            status = work(Monitor(settings, today.date() if today else settings.today))
            span.verdict = next((verdict for verdict in Verdict if verdict.exit_status == status), Verdict.ERROR)
    except ProjectError as error:
        print_error(error)
        status = EXIT_ERROR
    except Exception:  # noqa: BLE001 - a crash would end with 1, which no verdict may be
        traceback.print_exc()
        status = EXIT_ERROR
    sys.exit(status)


if __name__ == "__main__":
    app()
