"""`python -m bench pages`: is scoring as fast while somebody looks at pages, and what do pages weigh?"""

from __future__ import annotations

import functools
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from bench.experiments.pages.run import PagesRun, Plan, run
from fraud.command import EXIT_ERROR, interrupt_once, print_error
from fraud.errors import ProjectError
from fraud.open_files import allow_open_files
from fraud.progress import TimedProgress

OPEN_FILES = 4_000


def pages(
    *,
    pairs: Annotated[int, typer.Option(min=2, help="Pairs of windows, with and without people at the pages.")] = 20,
    window: Annotated[float, typer.Option(min=0.5, help="Length of a window, seconds.")] = 5.0,
    rate: Annotated[float, typer.Option(min=1.0, help="Scoring requests per second, in the gate's mix.")] = 100.0,
    page_rate: Annotated[float, typer.Option(min=0.1, help="Pages opened per second.")] = 2.0,
    officers: Annotated[
        int,
        typer.Option(min=0, help="Number of officers who work on cases at the desk; 0: one person opens all pages."),
    ] = 0,
    share: Annotated[
        float | None, typer.Option(min=0.01, max=1, help="Share of the maximum rate, instead of --rate.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
) -> None:
    """Score at a steady rate on a separate site, with and without people at its pages, in turns. Shows the
    ratio of latencies with its 95% interval over pairs of windows, and the size and time of each page.
    """
    interrupt_once()
    with tempfile.TemporaryDirectory(prefix="pages-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # as root, PostgreSQL runs as a user of its own
        try:
            allow_open_files(OPEN_FILES)
            with TimedProgress(transient=True, console=Console(stderr=True)) as bar:
                task = bar.add_task("setting up", total=None)
                plan = Plan(pairs, window, rate, page_rate, officers, share)
                found = run(Path(folder), plan, functools.partial(bar.begin, task))
        except ProjectError as error:
            print_error(error)
            sys.exit(EXIT_ERROR)
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(_latencies(found))
    console.print(_pages(found))
    if json_file is not None:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    if found.failed:
        print_error(f"{found.failed} scoring requests were not answered with 200")
        sys.exit(EXIT_ERROR)


def _latencies(found: PagesRun) -> Table:
    plan = found.plan
    title = f"one application, {plan.pairs} pairs of {plan.window_s:g} s at {plan.requests_per_s:.0f} requests/s"
    table = Table("", "alone, ms", f"beside {_visitors(plan)}, ms", "ratio", title=title)
    for one in found.latencies:
        ratio = f"{one.ratio.estimate:.3f} ({one.ratio.low:.3f} to {one.ratio.high:.3f})"
        table.add_row(f"p{100 * one.quantile:g}", f"{one.alone_ms:.3f}", f"{one.beside_ms:.3f}", ratio)
    return table


def _visitors(plan: Plan) -> str:
    pages = f"{plan.pages_per_s:g} pages/s"
    return f"{plan.officers} officers, {pages}" if plan.officers else pages


def _pages(found: PagesRun) -> Table:
    table = Table("page", "kB", "style and script, kB", "loads", "median, ms", "slowest, ms")
    for page in found.pages:
        table.add_row(
            *(page.path, f"{page.page_kb:.1f}", f"{page.kept_kb:.1f}", str(page.loads)),
            *(f"{page.median_ms:.0f}", f"{page.slowest_ms:.0f}"),
        )
    return table
