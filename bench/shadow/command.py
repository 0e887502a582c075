"""`python -m bench shadow`."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape

from bench.shadow.errors import ShadowError
from bench.shadow.logged_rows import Window
from bench.shadow.report import PAGE_FILE, stored_report, write_nothing_to_compare, write_report
from bench.shadow.result import Limits
from bench.shadow.shadow import Models, compare
from fraud.cores import usable_cores
from fraud.registry import CANDIDATE, PRODUCTION, ModelVersion, Registry
from fraud.report.stored import store_report
from fraud.report.verdict_file import VERDICT_FILE
from fraud.settings import DatabaseRole, Settings, load_settings
from fraud.verdict import Verdict
from serve.engine import EngineKind, EngineOptions

SHADOW_FOLDER: Final = "shadow"
"""In the run folder: the report."""
WEEKS: Final = 4
"""That are looked at unless somebody says since when."""


def shadow(
    *,
    candidate: Annotated[
        int | None, typer.Option(min=1, help="Version to compare with production; default: the alias candidate.")
    ] = None,
    since: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help=f"First day (UTC) of the log; default: {WEEKS} weeks before TODAY."),
    ] = None,
    today: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day from which the default is calculated [TODAY].")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--report", help="Folder of the report; default: <RUN_DIR>/shadow.")
    ] = None,
    optional: Annotated[
        bool, typer.Option("--optional", help="Pass if there are too few answers to compare: the gate has decided.")
    ] = False,
) -> None:
    """Compare what a candidate would have answered to the logged applications with production's answers.

    Production's answers are scored again and must match bit for bit. Decisions follow the review policy in force, or a
    review of GATE_REVIEW_CAPACITY. Exit status: 0 nothing speaks against the candidate, 10 more decisions flip than the
    flip_share of GATE_VETOES, 20 too little to tell, 30 the record differs from what production returns, 2 error.
    """
    settings = load_settings()
    where = folder or settings.run_dir / SHADOW_FOLDER
    # Should this one crash, nobody must take the last one's verdict for its own.
    (where / VERDICT_FILE).unlink(missing_ok=True)
    day = today.date() if today else settings.today
    verdict = _run(settings, candidate, _window(since, day), where, is_optional=optional)
    sys.exit(verdict.exit_status)


def _run(settings: Settings, number: int | None, window: Window, folder: Path, *, is_optional: bool) -> Verdict:
    registry = Registry(settings.tracking_uri(), settings.model_name, settings.registry_timeout_s)
    champion, candidate = registry.version_of(PRODUCTION), _candidate(registry, number)
    if champion is None or champion.version == candidate.version:
        nothing = (
            "nothing is in production" if champion is None else f"version {candidate.version} is in production itself"
        )
        verdict, reasons = write_nothing_to_compare(folder, f"{nothing}: nothing to compare", is_optional=is_optional)
    else:
        options = EngineOptions(usable_cores(), EngineKind.AUTO, cache_dir=settings.compiled_folder())
        found = compare(
            settings.dsn(DatabaseRole.TRAINER),
            Models(registry, champion, candidate, options),
            window,
            Limits(settings.drift_min_samples, settings.gate_vetoes.flip_share, is_optional),
            capacity=settings.gate_review_capacity,
            work_dir=settings.run_dir,
        )
        write_report(found, folder)
        page = (folder / PAGE_FILE).read_text(encoding="utf-8")
        store_report(settings.dsn(DatabaseRole.TRAINER), stored_report(found, page))
        verdict, reasons = found.verdict, (*found.reasons, f"report: {folder / PAGE_FILE}")
    console = Console()
    colour = {Verdict.PASS: "green", Verdict.INCONCLUSIVE: "yellow"}.get(verdict, "red")
    console.print(f"[bold {colour}]{verdict.replace('_', ' ').upper()}[/]")
    for reason in reasons:
        console.print(f"- {escape(reason)}", soft_wrap=True, highlight=False)
    return verdict


def _candidate(registry: Registry, number: int | None) -> ModelVersion:
    if number is not None:
        return registry.model_version(number)
    found = registry.version_of(CANDIDATE)
    if found is None:
        raise ShadowError("the registry has no candidate: `python -m train` registers one, or name a version")
    return found


def _window(since: dt.datetime | None, today: dt.date) -> Window:
    first = since.date() if since else today - dt.timedelta(weeks=WEEKS)
    begin, now = dt.datetime.combine(first, dt.time(), dt.UTC), dt.datetime.now(dt.UTC)
    if begin >= now:
        raise ShadowError(f"there can be no answers since {first}, which is in the future: use an earlier --since")
    return Window(begin, now)
