"""`python -m jenkins.schedule`: drift checks and retrainings at their times, on a machine without Jenkins."""

from __future__ import annotations

import datetime as dt
import fcntl
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from apscheduler.triggers.cron import CronTrigger
from rich.console import Console
from rich.table import Table

from fraud.command import INTERRUPTS
from fraud.command_line import CommandLine
from fraud.errors import SettingsError
from fraud.settings import DatabaseRole, Settings, load_settings
from fraud.stack.child import nothing
from jenkins.schedule.commands import Commands
from jenkins.schedule.errors import ScheduleError
from jenkins.schedule.memory import Memory
from jenkins.schedule.requests import Requests
from jenkins.schedule.requests_table import RequestsTable
from jenkins.schedule.tasks import DRIFT, RETRAIN, REWRITE, monthly, rewrite_erased, watch_drift
from jenkins.schedule.timetable import Task, Timetable, coming, times_of

MEMORY_FILE: Final = "last.json"

app = CommandLine()


@app.command()
def main(
    *, show: Annotated[bool, typer.Option("--show", help="Print the next tasks, and do nothing.")] = False
) -> None:
    """Check for drift and finish erasures each night, retrain each month, until Ctrl-C; missed runs are caught up.

    Between tasks it also carries out operators' requests (check drift, retrain, roll back).

    Ctrl-C waits for the running command; a second Ctrl-C ends it.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    settings = load_settings()
    folder = settings.run_dir.absolute() / "schedule"
    tasks, memory = _tasks(settings), Memory(folder / MEMORY_FILE)
    _print(tasks, memory)
    if not show:
        with _alone(folder):
            requests = _requests(settings, tasks, memory)
            beside = nothing if requests is None else requests.say_that_we_are_there
            _work(tasks, Commands(folder / "logs", beside), memory, requests)


def _tasks(settings: Settings) -> tuple[Task, ...]:
    return (
        Task(DRIFT, _trigger("SCHEDULE_DRIFT", settings.schedule_drift), watch_drift),
        Task(RETRAIN, _trigger("SCHEDULE_RETRAIN", settings.schedule_retrain), monthly),
        Task(REWRITE, _trigger("SCHEDULE_REWRITE", settings.schedule_rewrite), rewrite_erased),
    )


def _trigger(name: str, times: str) -> CronTrigger:
    expected = "expected the five fields of cron, days of the week by name, such as 0 1 * * mon"
    *_, weekday = times.split() or [""]
    if any(character.isdigit() for character in weekday):
        # APScheduler counts from Monday, cron from Sunday: neither guess would be safe.
        raise SettingsError(f"{name}={times!r}: {expected}")
    try:
        return CronTrigger.from_crontab(times, timezone=dt.UTC)
    except ValueError as error:
        raise SettingsError(f"{name}={times!r}: {error}; {expected}") from error


def _requests(settings: Settings, tasks: tuple[Task, ...], memory: Memory) -> Requests | None:
    """What operators ask for in a page; None where there is no database for it."""
    try:
        dsn = settings.dsn(DatabaseRole.TRAINER)
    except SettingsError as error:
        logging.warning("operators' requests are not carried out: %s", error)
        return None
    return Requests(RequestsTable(dsn), lambda: times_of(tasks, memory))


def _work(tasks: tuple[Task, ...], commands: Commands, memory: Memory, requests: Requests | None = None) -> None:
    def stop(_signal: int, _frame: object) -> None:
        if not commands.stop():
            raise KeyboardInterrupt

    for interrupt in INTERRUPTS:
        signal.signal(interrupt, stop)
    try:
        Timetable(tasks, commands, memory, requests).run()
    except KeyboardInterrupt:
        logging.info("stopped")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep a second one of this folder out; the kernel frees the lock at any death.

    Raises:
        ScheduleError: there is one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ScheduleError(f"another `python -m jenkins.schedule` runs in {folder.parent}") from error
        yield


def _print(tasks: tuple[Task, ...], memory: Memory) -> None:
    now = dt.datetime.now(dt.UTC)
    table = Table("task", "last begun (UTC)", "next (UTC)", title="What comes next")
    for task in tasks:
        last, following = memory.last(task.name), coming(task, memory, now)
        at = "now: it was missed" if following.missed else f"{following.at:%Y-%m-%d %H:%M}"
        table.add_row(task.name, "-" if last is None else f"{last:%Y-%m-%d %H:%M}", at)
    Console().print(table)


if __name__ == "__main__":
    app()
