"""The report of a comparison: on the terminal, as a page, as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from rich import table as rich_table
from rich.console import Console
from rich.markup import escape

from bench.experiments.peers.bars import rows_per_s
from bench.experiments.peers.contenders import BATCH_ROWS
from bench.experiments.peers.measurements import Latency, Memory, Throughput, read_stage
from bench.experiments.peers.tables import Table, bars_table, latency_table, memory_table, throughput_tables

THROUGHPUT_FILE: Final = "throughput.json"
LATENCY_FILE: Final = "latency.json"
MEMORY_FILE: Final = "memory.json"

SETTING: Final = """\
Every server runs on core 0, one worker process, one thread for the model, all of them started and idle but the one
that is measured. The client (wrk with one thread, or our open loop) and PostgreSQL run on core 1. All answer with the
same trees, each contender's probabilities were compared with XGBoost's before it was timed, and every request has
rows of its own out of 160,000 random applications (20,000 for single rows). Contenders take turns in random order; a
ratio is that of two windows of the same round. Our prediction log is on unless "log off" is said, and a window of
ours lasts until the last answer is on record in PostgreSQL. "no work" is a server that reads requests and does
nothing: what the client can do at most. The shares are of one core; "others" is what anything else took of the
servers' core. The failures column counts answers of status 400 and above and broken connections; a window with any,
or without an answer, counts in no ratio. MLServer is at its best: no worker processes, no gzip, no metrics, a flat
FP32 tensor for its numpy codec, the booster loaded as a regressor (one number a row); with adaptive batching (16
requests, 2 ms) as well, and the better of both is what it is compared by. mosec decodes single rows with msgspec and
batches them adaptively (16 requests, 2 ms); its batches are the bytes of float32 rows, and it keeps no record."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the last runs of the stages left, None where there was none."""

    throughput: Throughput | None
    latency: Latency | None
    memory: Memory | None

    def tables(self) -> Iterator[Table]:
        """All tables, verdicts first."""
        yield bars_table(self.throughput, self.latency, self.memory)
        if self.throughput is not None:
            yield from throughput_tables(self.throughput)
        if self.latency is not None:
            yield latency_table(self.latency)
        if self.memory is not None:
            yield memory_table(self.memory)

    def stages(self) -> Iterator[tuple[str, Throughput | Latency | Memory]]:
        """Those that were measured, by name."""
        for name, stage in (("throughput", self.throughput), ("latency", self.latency), ("memory", self.memory)):
            if stage is not None:
                yield name, stage


def read_report(folder: Path) -> Report:
    """Read what the stages left in a folder."""
    return Report(
        read_stage(folder / THROUGHPUT_FILE, Throughput),
        read_stage(folder / LATENCY_FILE, Latency),
        read_stage(folder / MEMORY_FILE, Memory),
    )


def print_report(report: Report) -> None:
    """Tables on the terminal."""
    console = Console(width=190)
    for table in report.tables():
        shown = rich_table.Table(*table.heads, title=escape(table.title))
        for column in shown.columns[1:]:
            column.justify = "right"
        for row in table.rows:
            shown.add_row(*(escape(cell) for cell in row))
        console.print(shown)


def write_page(report: Report, path: Path) -> None:
    """The same as Markdown, with the picture beside it."""
    picture = path.with_suffix(".png")
    parts = ["# Our server and its peers", "Written by `python -m bench peers --results bench/RESULTS.md`.", SETTING]
    for name, stage in report.stages():
        machine = stage.machine
        parts.append(
            f"Stage {name} ({_length(stage)}): {machine.date}, {machine.processor}, {machine.cores} cores, "
            f"{machine.system}; model: {stage.model}."
        )
    newest = next((stage.machine for _, stage in report.stages()), None)
    if newest is not None:
        parts.append("\n".join(f"- {peer}: {versions}" for peer, versions in newest.versions.items()))
    parts += (_markdown(table) for table in report.tables())
    if report.throughput is not None:
        write_plot(report.throughput, picture)
        parts.append(f"![Rows a second by batch size]({picture.name})")
        parts += (f"Left out: {fault}" for fault in report.throughput.faults)
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _length(stage: Throughput | Latency | Memory) -> str:
    match stage:
        case Throughput(rounds=rounds, seconds=seconds):
            return f"{rounds} rounds of {seconds:g} s"
        case Latency(seconds=seconds):
            return f"runs of {seconds:g} s"
        case Memory(minutes=minutes):
            return f"{minutes:g} minutes"


def _markdown(table: Table) -> str:
    lines = [f"## {table.title}", "", _line(table.heads), _line(("---", *("---:" for _ in table.heads[1:])))]
    return "\n".join((*lines, *(_line(row) for row in table.rows)))


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def write_plot(stage: Throughput, path: Path) -> None:
    """Rows a second, a panel a batch size; the thin line spans the rounds."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - takes a second

    figure = Figure(figsize=(15, 8), layout="constrained")
    panels = figure.subplots(2, 2).ravel()
    for panel, rows in zip(panels, BATCH_ROWS, strict=True):
        names = sorted(
            {window.contender for window in stage.windows if window.rows == rows},
            key=lambda name: rows_per_s(stage.windows, name, rows),
        )
        for place, name in enumerate(names):
            rates = [window.rows_per_s for window in stage.windows if (window.contender, window.rows) == (name, rows)]
            colour = "#1b7837" if name.startswith("ours") else "#d95f02" if name.startswith("MLServer") else "#7f7f7f"
            panel.barh(place, np.median(rates), color=colour)
            panel.plot((min(rates), max(rates)), (place, place), color="black", linewidth=1)
        panel.set_yticks(range(len(names)), names)
        panel.set(title=f"{rows:,} rows a request", xlabel="rows/s, one core (logarithmic)", xscale="log")
        panel.grid(visible=True, axis="x", alpha=0.3)
    figure.savefig(path, dpi=110)
