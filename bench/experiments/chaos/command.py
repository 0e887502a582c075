"""`python -m bench chaos`: does the record stay whole whatever breaks?"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.experiments.chaos.experiment import Outcome, experiment
from bench.experiments.chaos.faults import CROWD, FAULTS
from bench.experiments.site.site import Site
from fraud.command import EXIT_ERROR, interrupt_once, print_error
from fraud.errors import ProjectError
from fraud.open_files import allow_open_files
from fraud.verdict import Verdict

_COLUMNS: Final = ("sent", "answered", "refused", "broken", "recorded", "lost", "twice", "disordered")


def chaos(
    only: Annotated[list[str] | None, typer.Option(help="Only faults whose name has this text in it.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
) -> None:
    """Break each part in turn under load: kills, outages, a full disk, hostile clients. Ends with 0 if no answer was
    lost, recorded twice or other than promised, with 10 if one was, with 2 if the site did not come back.
    """
    interrupt_once()
    faults = [fault for fault in FAULTS if only is None or any(text.lower() in fault.name.lower() for text in only)]
    if not faults:
        print_error(f"no fault has {' or '.join(only or ())} in its name: {', '.join(fault.name for fault in FAULTS)}")
        sys.exit(EXIT_ERROR)
    outcomes: list[Outcome] = []
    # Not below the temporary folder of a test: as root, PostgreSQL runs as a user of its own.
    with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        try:
            allow_open_files(2 * CROWD)
            with Progress(transient=True, console=Console(stderr=True)) as bar:
                task = bar.add_task("setting up", total=len(faults))
                with Site(Path(folder), lambda what: bar.update(task, description=what), settable_clock=True) as site:
                    for fault in faults:
                        bar.update(task, description=fault.name)
                        outcomes.append(experiment(site, fault))
                        bar.advance(task)
        except ProjectError as error:
            print_table(outcomes)
            print_error(error)
            sys.exit(EXIT_ERROR)
    print_table(outcomes)
    if json_file is not None:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode([asdict(outcome) for outcome in outcomes])))
    verdict = Verdict.PASS if all(outcome.passed for outcome in outcomes) else Verdict.FAIL
    sys.exit(verdict.exit_status)


def print_table(outcomes: list[Outcome]) -> None:
    """A line for each fault, and one for all of them."""
    table = Table("fault", "lasted s", "back after s", *_COLUMNS, "statuses not promised", "")
    for column in table.columns[1:]:
        column.justify = "right"
    for outcome in outcomes:
        counts = (f"{getattr(outcome, name):,}" for name in _COLUMNS)
        verdict = "kept" if outcome.passed else "BROKEN"
        strange = ", ".join(map(str, outcome.unexpected)) or "-"
        table.add_row(outcome.fault, f"{outcome.seconds:.1f}", f"{outcome.back_s:.1f}", *counts, strange, verdict)
    totals = (f"{sum(getattr(outcome, name) for outcome in outcomes):,}" for name in _COLUMNS)
    table.add_section()
    table.add_row(f"{len(outcomes)} faults", "", "", *totals, "", "")
    Console(width=None if sys.stdout.isatty() else 200).print(table)
