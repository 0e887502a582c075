"""`python -m jenkins.drift.evaluation.cost`: time and memory of a check by the size of the log, beside other ways."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.progress import track

from fraud.command_line import CommandLine
from fraud.database import open_connection
from fraud.stack.postgres import EmbeddedPostgres
from jenkins.drift.evaluation.cost.log import VERSION, fill, reference
from jenkins.drift.evaluation.cost.report import markdown, plot
from jenkins.drift.evaluation.cost.ways import Cost, check_by_roll_up, measure, pass_over_the_log, rows_into_pandas
from train.bins_table import store_bins

REPEATS: Final = 5
"""Of the check by roll-up, whose median counts: it is over in milliseconds."""


def main(
    largest: Annotated[int, typer.Option(min=10_000, help="Logged applications of the last line.")] = 10_000_000,
    most_rows: Annotated[
        int, typer.Option(help="Most applications to read into pandas; each takes kilobytes of memory.")
    ] = 1_000_000,
    folder: Annotated[Path, typer.Option(help="Folder of COST.md and cost.png.")] = Path("jenkins/drift"),
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
) -> None:
    """Fill a separate database with more and more applications, and check them in three ways."""
    sizes = [size for size in (10**4, 10**5, 10**6, 10**7) if size <= largest]
    with tempfile.TemporaryDirectory(prefix="drift-cost-", ignore_cleanup_errors=True) as name:
        postgres = EmbeddedPostgres(Path(name) / "data", "cost")
        try:
            costs = _costs(postgres.start(), sizes, most_rows)
        finally:
            postgres.stop()
    text = markdown(costs, sizes, f"{os.cpu_count()} cores")
    (folder / "COST.md").write_text(text, encoding="utf-8")
    plot(costs, folder / "cost.png")
    Console().print(text)
    if json_file is not None:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(costs)) + b"\n")


def _costs(dsn: str, sizes: list[int], most_rows: int) -> dict[str, dict[int, Cost]]:
    environment = {**os.environ, "DATABASE_URL": dsn}
    subprocess.run([sys.executable, "-m", "initdb", "--schema-only"], env=environment, check=True)
    store_bins(dsn, VERSION, reference())
    costs: dict[str, dict[int, Cost]] = {"roll-up": {}, "width_bucket pass": {}, "rows into pandas": {}}
    connection = open_connection(dsn)
    try:
        for size in track(sizes, "ever more applications"):
            fill(connection, size)
            costs["width_bucket pass"][size] = _all_seen(measure(pass_over_the_log, dsn), size)
            checks = [_all_seen(measure(check_by_roll_up, dsn), size) for _ in range(REPEATS)]
            costs["roll-up"][size] = sorted(checks, key=lambda cost: cost.seconds)[REPEATS // 2]
            if size <= most_rows:
                costs["rows into pandas"][size] = _all_seen(measure(rows_into_pandas, dsn), size)
    finally:
        connection.close()
    return costs


def _all_seen(cost: Cost, applications: int) -> Cost:
    if cost.applications != applications:
        raise AssertionError(f"{cost.applications:,} of {applications:,} applications were counted")
    return cost


if __name__ == "__main__":
    CommandLine(main)()
