"""`python -m bench soak`: is the server the same after hours, and useful at twice what it can do?"""

from __future__ import annotations

import functools
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from bench.experiments.soak.judge import figures, judge
from bench.experiments.soak.plan import Durations
from bench.experiments.soak.plot import draw
from bench.experiments.soak.report import lines, report, table, write_json
from bench.experiments.soak.run import run
from fraud.command import interrupt_once
from fraud.open_files import allow_open_files
from fraud.progress import TimedProgress
from fraud.settings import load_settings

OPEN_FILES: Final = 4_000


def soak(
    minutes: Annotated[float, typer.Option(min=0.2, help="Time for all parts, without the setup.")] = 10.0,
    folder: Annotated[
        Path | None, typer.Option(help="Folder of soak.json and soak.png; default: <RUN_DIR>/soak.")
    ] = None,
) -> None:
    """Find the maximum, soak at 70% of it, then send twice the maximum, on a separate site.

    Exit status: 0 memory and p99 stay flat, overload is refused early and every answer is on record; 10 not; 20 too
    noisy to tell.
    """
    interrupt_once()
    # Not below the temporary folder of a test: as root, PostgreSQL runs as a user of its own.
    with tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True) as site_folder:
        Path(site_folder).chmod(0o755)
        settings = load_settings()
        allow_open_files(OPEN_FILES)
        durations = Durations.of(minutes)
        with TimedProgress(transient=True, console=Console(stderr=True)) as bar:
            task = bar.add_task("setting up", total=None)
            seen = run(Path(site_folder), durations, settings.gate_p99_ms, functools.partial(bar.begin, task))
    found = figures(seen)
    verdict, reasons = judge(found, seen.records)
    reported = report(seen, found, verdict, reasons)
    target = folder or settings.run_dir / "soak"
    target.mkdir(parents=True, exist_ok=True)
    write_json(target / "soak.json", reported)
    draw(seen, target / "soak.png")
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(table(reported))
    for line in lines(reported):
        console.print(line, highlight=False)
    sys.exit(verdict.exit_status)
