"""`python -m bench trend`: does an engine or a request take more instructions than before?"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench.experiments.trend.baseline import TOLERANCE, Baseline, change, judge, read_baseline, write_baseline
from bench.experiments.trend.callgrind import Counts, count, prepare, surroundings
from bench.experiments.trend.workloads import WORKLOADS
from fraud.verdict import Verdict


def trend(
    only: Annotated[list[str] | None, typer.Option(help="Only workloads whose name has this text in it.")] = None,
    *,
    write: Annotated[bool, typer.Option("--write", help="Store these counts for later comparisons.")] = False,
) -> int:
    """Count the instructions of engines and single requests with valgrind, and compare with the stored counts.

    Exit status: 0 nothing costs more, 10 something costs over 3% more (its profile is shown), 20 nothing to compare
    with, such as other versions of Python or a library, or another kind of processor, 2 error.
    """
    names = [name for name in WORKLOADS if only is None or any(text in name for text in only)]
    if not names:
        raise typer.BadParameter(f"--only: expected a part of one of {', '.join(WORKLOADS)}")
    counts = _counted(names)
    kept, found = read_baseline(), {name: counted.instructions for name, counted in counts.by_workload.items()}
    here = surroundings(counts.processor)
    _print(kept, found)
    if write:
        write_baseline(Baseline(_commit(), here, {**kept.instructions, **found}))
        typer.echo("kept")
        return 0
    verdict, reasons = judge(kept, here, found)
    for reason in reasons:
        typer.echo(reason)
        name = reason.rpartition(": ")[0]
        if verdict is Verdict.FAIL:
            typer.echo(counts.by_workload[name].profile)
    if verdict is Verdict.FAIL:
        typer.echo(f"over {TOLERANCE:.0%} more instructions than before: mend it, or keep the new counts with --write")
    typer.echo(f"{verdict.upper()}, beside commit {kept.commit}")
    return verdict.exit_status


def _counted(names: list[str]) -> Counts:
    with tempfile.TemporaryDirectory() as folder, Console(stderr=True).status("counting"):
        return count(names, Path(folder), prepare(Path(folder)))


def _print(kept: Baseline, found: dict[str, float]) -> None:
    table = Table("workload", "instructions", "before", "change")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, now in found.items():
        before = kept.instructions.get(name)
        told = ("", "") if before is None else (f"{before:,.0f}", f"{change(before, now):+.1%}")
        table.add_row(name, f"{now:,.0f}", *told)
    Console().print(table)


def _commit() -> str:
    return subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607 - by PATH
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent,
    ).stdout.strip()
