"""`python -m bench workers`: how many rows/s do 1 to N workers score, as processes and on a Ray cluster?"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.experiments.files.command import make_model, scoring_environment
from bench.experiments.files.contest import Series, contest
from fraud.cores import usable_cores
from fraud.settings import load_settings

PROCESSES: Final = "processes"
RAY: Final = "ray"
ENGINES: Final = (PROCESSES, RAY)


def workers(
    *,
    most: Annotated[int | None, typer.Option("--max", min=1, help="Most workers; default: one per core.")] = None,
    rows: Annotated[int, typer.Option(min=1_000, help="Rows of the Parquet file.")] = 20_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds, with every number of workers in each.")] = 3,
    engine: Annotated[list[str] | None, typer.Option(help=f"Only these of {', '.join(ENGINES)}.")] = None,
    address: Annotated[str | None, typer.Option(help="Address of an existing Ray cluster.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write every time to this file.")] = None,
) -> None:
    """Score the same file of new rows with every number of workers, in a new order each round."""
    for name in engine or ():
        if name not in ENGINES:
            raise typer.BadParameter(f"--engine {name}: expected one of {', '.join(ENGINES)}")
    chosen = [name for name in ENGINES if name in (engine or ENGINES)]
    counts = range(1, (most or usable_cores()) + 1)
    settings = load_settings()
    with tempfile.TemporaryDirectory() as name, Progress(transient=True, console=Console(stderr=True)) as progress:
        folder = Path(name)
        progress.add_task("training and scoring", total=None)
        make_model(folder, settings.model_name)
        commands = {_name(engine, count): _command(engine, count, address) for engine in chosen for count in counts}
        environment = scoring_environment(folder, settings)
        series = contest(commands, ".parquet", rows, rounds, folder=folder, environment=environment)
    _print(series, chosen, counts)
    if json_file is not None:
        found = {"rows": rows, "whole_s": series.whole, "beyond_start_s": series.beyond_start}
        json_file.write_text(json.dumps(found, indent=2) + "\n")


def _name(engine: str, count: int) -> str:
    return f"{engine} {count}"


def _command(engine: str, count: int, address: str | None) -> list[str]:
    where = ["--address", address] if engine == RAY and address is not None else []
    return [sys.executable, "-m", "serve.batch", "--engine", engine, *where, "--workers", str(count)]


def _print(series: Series, engines: Sequence[str], counts: Sequence[int]) -> None:
    table = Table("workers", "by", "rows/s", "times one worker")
    for column in (table.columns[0], *table.columns[2:]):
        column.justify = "right"
    for engine in engines:
        one = series.rows_per_s(_name(engine, 1))
        for count in counts:
            found = series.rows_per_s(_name(engine, count))
            table.add_row(str(count), engine, f"{found:,.0f}", f"{found / one:.2f}")
    Console().print(table)
