"""`python -m bench outage`: how long may PostgreSQL be away, and what does it take to catch up?"""

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

from bench.experiments.outage.run import Outage, judge, run
from bench.experiments.soak.judge import MIB
from fraud.command import interrupt_once
from fraud.progress import TimedProgress


def outage(
    minutes: Annotated[float, typer.Option(min=0.1, help="Duration of the outage, minutes.")] = 2.0,
    spool_mib: Annotated[int, typer.Option(min=64, help="SPOOL_MAX_BYTES of the server, MiB.")] = 2048,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
) -> None:
    """Kill PostgreSQL at full load, restart it after some time, and wait until everything is on record. Ends with 0 if
    nothing is lost or recorded twice, the spool grows in proportion to answers and nothing else grows; with 10 if not.
    """
    interrupt_once()
    with tempfile.TemporaryDirectory(prefix="outage-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # as root, PostgreSQL runs as a user of its own
        with TimedProgress(transient=True, console=Console(stderr=True)) as bar:
            task = bar.add_task("setting up", total=None)
            found, looks = run(Path(folder), minutes, spool_mib * MIB, functools.partial(bar.begin, task))
    verdict, reasons = judge(found)
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(_table(found))
    for reason in reasons:
        console.print(reason, highlight=False)
    if json_file is not None:
        written = {"verdict": verdict, "reasons": reasons, "outage": found, "looks": looks}
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(written)))
    sys.exit(verdict.exit_status)


def _table(found: Outage) -> Table:
    table = Table("figure", "")
    first, second = found.growth_bytes_per_answer
    refusal = (
        "nothing"
        if found.first_refusal_s is None
        else f"{found.refused:,}, the first after {found.first_refusal_s:.0f} s"
    )
    for name, value in (
        ("PostgreSQL was away", f"{found.seconds:.0f} s"),
        ("answered", f"{found.answered:,} requests, {found.records.answered_rows:,} rows"),
        ("refused", refusal),
        ("the spool grew to", f"{found.largest_spool_bytes / MIB:,.0f} MiB in {found.most_segments:,} segments"),
        ("growth, first and second half", f"{first:,.0f} and {second:,.0f} bytes an answer"),
        ("memory, second half", f"worker {found.worker_growth_mib:+.1f}, shipper {found.shipper_growth_mib:+.1f} MiB"),
        ("caught up", f"in {found.catch_up_s:.0f} s, {found.catch_up_rows_per_s:,.0f} rows/s"),
        ("on record", f"{found.records.recorded:,} requests, {found.records.recorded_rows:,} rows"),
        ("lost, twice", f"{found.records.lost}, {found.records.twice}"),
    ):
        table.add_row(name, value)
    return table
