"""`python -m train.replay`: the twelve-month test."""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from psycopg2.extensions import parse_dsn
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fraud.command import EXIT_ERROR, interrupt_once, print_error
from fraud.command_line import CommandLine
from fraud.registry import Registry
from fraud.report.stored import store_report
from fraud.settings import DatabaseRole, Settings, load_settings
from fraud.stack.ports import hold_port
from train.dataset import load_dataset
from train.replay.before import ap_as_before
from train.replay.ceiling import ceilings
from train.replay.commands import Commands
from train.replay.database import copy_applications, temporary_database
from train.replay.environment import replay_environment
from train.replay.evaluation import known_before, month_of, version_aps
from train.replay.months import MONTHS, next_month, replayed_months
from train.replay.outcome import ComingMonth, ReplayOutcome
from train.replay.report import replay_json, replay_plot, replay_table, stored_report
from train.replay.year import Replayed, Year

JSON_FILE: Final = "replay.json"
PLOT_FILE: Final = "replay.png"

app = CommandLine()


@app.command()
def main(
    months: Annotated[int, typer.Option(min=1, max=MONTHS, help="Months to replay, from May 2025 on.")] = MONTHS,
) -> None:
    """Replay a year, separate from production: each month train, gate, promote or not, under a light load.

    It uses its own registered model, database and server, and only reads the applications.

    Exit status: 0 done, 20 a month was inconclusive, 2 a month or a request failed.
    """
    interrupt_once()
    try:
        settings = load_settings()
        stamp = f"{dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S}"
        folder = settings.run_dir.absolute() / "replay" / stamp
        folder.mkdir(parents=True)
        outcome = _replay(settings, replayed_months(months), stamp, folder)
    except KeyboardInterrupt:
        print_error("interrupted; what it had started has ended")
        sys.exit(EXIT_ERROR)
    _show(outcome, folder)
    plot = (folder / PLOT_FILE).read_bytes()
    store_report(settings.dsn(DatabaseRole.TRAINER), stored_report(outcome, dt.datetime.now(dt.UTC), plot))
    sys.exit(outcome.verdict.exit_status)


def _replay(settings: Settings, months: tuple[dt.date, ...], stamp: str, folder: Path) -> ReplayOutcome:
    started_s = time.monotonic()
    model_name = f"{settings.model_name}-replay-{stamp}"
    registry = Registry(settings.tracking_uri(), model_name, settings.registry_timeout_s)
    owner_dsn = settings.dsn()
    database_name = f"{parse_dsn(owner_dsn).get('dbname', 'loans')}_replay_{stamp.replace('-', '_')}"
    port = hold_port()
    with temporary_database(owner_dsn, database_name) as database_dsn:
        environment = replay_environment(
            settings, database_dsn=database_dsn, model_name=model_name, run_dir=folder / "run", port=port
        )
        commands = Commands(environment, folder / "logs")
        commands.run("initdb", "initdb", "--schema-only")
        copy_applications(settings.dsn(DatabaseRole.TRAINER), database_dsn)
        year = Year(commands, registry, f"http://127.0.0.1:{port}", folder)
        with _progress(len(months)) as progress:
            replayed = year.replay(months, progress)
        # The table's comment, which says where its rows came from, is not copied: the truth is asked of the original.
        truth = Commands(environment | {"DATABASE_URL": settings.dsn()}, folder / "logs")
        coming = _coming_months(settings, registry, replayed, truth, folder)
    return ReplayOutcome(
        model_name=model_name,
        decisions=replayed.decisions,
        coming=coming,
        load=replayed.load,
        seconds=time.monotonic() - started_s,
    )


def _coming_months(
    settings: Settings, registry: Registry, replayed: Replayed, truth: Commands, folder: Path
) -> tuple[ComingMonth, ...]:
    """What each version was worth in the month that it served, beside others that might have."""
    firsts = [decision.first_day for decision in replayed.decisions]
    dataset = load_dataset(settings.dsn(DatabaseRole.TRAINER), next_month(firsts[-1]))
    months = [month_of(dataset, first) for first in firsts]
    by_version = {version: version_aps(registry, version, months) for version in set(replayed.served)}
    never_retrained = by_version[replayed.served[0]]
    ceiling = ceilings(truth, dataset, firsts, folder)
    return tuple(
        ComingMonth(
            served=served,
            production=by_version[served][place],
            never_retrained=never_retrained[place],
            as_before=ap_as_before(
                known_before(dataset, firsts[place]), months[place], settings.train_seed, settings.train_threads
            ),
            ceiling=ceiling[place],
        )
        for place, served in enumerate(replayed.served)
    )


@contextmanager
def _progress(months: int) -> Iterator[Callable[[dt.date, str], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("replay", total=months)
        begun: set[dt.date] = set()

        def show(first: dt.date, step: str) -> None:
            begun.add(first)
            bar.update(task, description=f"{first:%Y-%m} {step}", completed=len(begun) - 1)

        yield show


def _show(outcome: ReplayOutcome, folder: Path) -> None:
    (folder / JSON_FILE).write_bytes(replay_json(outcome))
    replay_plot(folder / PLOT_FILE, outcome)
    console = Console()
    console.print(replay_table(outcome))
    if outcome.gain is not None:
        share = "" if outcome.ceiling_share is None else f", {outcome.ceiling_share:.1%} of the ceiling"
        console.print(
            f"Mean of the months: {outcome.gain:+.4f} over a model without the newest rows{share}", highlight=False
        )
    load = outcome.load
    console.print(
        f"{load.requests:,} requests meanwhile, {load.failures:,} failed; {outcome.seconds / 60:.1f} minutes; "
        f"{folder}/: {JSON_FILE}, {PLOT_FILE}, each gate's report, logs",
        highlight=False,
        soft_wrap=True,
    )
    if load.failures:
        print_error(f"{load.failures:,} requests failed: {folder}/load_failures.csv says which")


if __name__ == "__main__":
    app()
