"""Tables, JSON and a plot of a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

from bench.experiments.engines.models import SIZES
from bench.experiments.engines.race import Cell, Ratio, ratio_of

FOREST: Final = "forest"
ONNXRUNTIME: Final = "onnxruntime"
XGBOOST: Final = "xgboost"
AUTO: Final = "auto"

PEERS: Final = (ONNXRUNTIME, XGBOOST)
COLOURS: Final = {FOREST: "#1b7837", AUTO: "#5aae61", XGBOOST: "#d95f02", ONNXRUNTIME: "#7570b3"}
STYLES: Final = {FOREST: "-o", AUTO: "--s", XGBOOST: "-^", ONNXRUNTIME: "-v"}


@dataclass(frozen=True, slots=True)
class Bar:
    """A promise, and what was measured; a ratio above 1 is "faster" or, where `lower` is promised, "slower"."""

    promise: str
    ratio: Ratio
    bound: float
    lower: bool

    @property
    def reached(self) -> bool:
        """Whether the median keeps it."""
        return self.ratio.median <= self.bound if self.lower else self.ratio.median >= self.bound


def print_report(cells: Sequence[Cell]) -> None:
    """Times, ratios and bars."""
    console = Console(width=150)
    for size in SIZES:
        for threads in sorted({cell.threads for cell in cells}):
            own = [cell for cell in cells if (cell.model, cell.threads) == (size.name, threads)]
            console.print(_times(f"{size.title}, {threads} thread(s), us/row and ratios of times [10%-90%]", own))
    console.print(bar_table(list(bars(cells)), "Bars"))


def bar_table(found: Sequence[Bar], title: str) -> Table:
    """Promises and what became of them."""
    table = Table("promise", "bound", "measured [10%-90%]", "", title=title)
    for bar in found:
        verdict = "[green]reached[/green]" if bar.reached else "[red]missed[/red]"
        table.add_row(bar.promise, f"{'<=' if bar.lower else '>='} {bar.bound}", show(bar.ratio), verdict)
    return table


def bars(cells: Sequence[Cell]) -> Iterator[Bar]:
    """What the project promises of its engines, with what was measured."""
    for cell in cells:
        at = f"{cell.model}, {cell.rows:,} rows"
        bound = {"S": 8.0, "M": 3.0}.get(cell.model)
        if bound is not None and cell.threads == 1 and cell.rows in {1_000, 10_000}:
            yield Bar(f"{at}: XGBoost / forest, one thread", cell.ratio(XGBOOST, FOREST), bound, lower=False)
    for cell in cells:
        best = cell.better(PEERS)
        promise = f"{cell.model}, {cell.rows:,} rows, {cell.threads} thread(s): auto / {best}"
        yield Bar(promise, cell.ratio(AUTO, best), 1.05, lower=True)
    for one, two in _pairs(cells):
        if one.rows == 100_000:
            ratio = ratio_of(one.seconds[FOREST], two.seconds[FOREST])
            yield Bar(f"{one.model}, {one.rows:,} rows: forest on one thread / on two", ratio, 1.8, lower=False)


def _pairs(cells: Sequence[Cell]) -> Iterator[tuple[Cell, Cell]]:
    by_place = {(cell.model, cell.rows, cell.threads): cell for cell in cells}
    for (model, rows, threads), cell in by_place.items():
        if threads == 1 and (model, rows, 2) in by_place:
            yield cell, by_place[model, rows, 2]


def _times(title: str, cells: Sequence[Cell]) -> Table:
    names = (FOREST, AUTO, ONNXRUNTIME, XGBOOST)
    heads = (*names, "XGBoost / forest", "ONNX Runtime / forest", "auto / better peer", "rounds")
    table = Table("rows", *heads, title=title)
    for column in table.columns:
        column.justify = "right"
    for cell in cells:
        table.add_row(
            f"{cell.rows:,}",
            *(f"{cell.us_per_row(name):.3f}" for name in names),
            show(cell.ratio(XGBOOST, FOREST)),
            show(cell.ratio(ONNXRUNTIME, FOREST)),
            show(cell.ratio(AUTO, cell.better(PEERS))),
            str(len(cell.seconds[FOREST])),
        )
    return table


def show(ratio: Ratio) -> str:
    """Median and spread, for a table."""
    # Brackets are rich's markup unless they are escaped.
    return f"{ratio.median:.3g} \\[{ratio.low:.3g}-{ratio.high:.3g}]"


def write_json(cells: Sequence[Cell], reasons: Sequence[Cell], found: Sequence[Bar], path: Path) -> None:
    """Every single time, seconds, of scores and of reasons, and the bars."""
    report = {"cells": cells, "reasons": reasons, "bars": found}
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")


def write_plot(cells: Sequence[Cell], path: Path) -> None:
    """Microseconds a row by rows a call, one thread, a panel a model."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - takes a second

    figure = Figure(figsize=(13, 4.2), layout="constrained")
    panels = figure.subplots(1, len(SIZES), sharey=True)
    for panel, size in zip(panels, SIZES, strict=True):
        own = [cell for cell in cells if (cell.model, cell.threads) == (size.name, 1)]
        for name, colour in COLOURS.items():
            times = [cell.us_per_row(name) for cell in own]
            panel.plot([cell.rows for cell in own], times, STYLES[name], color=colour, label=name, markersize=5)
        panel.set(xscale="log", yscale="log", title=size.title, xlabel="rows a call")
        panel.grid(visible=True, which="major", alpha=0.3)
    panels[0].set_ylabel("us a row, one thread (median)")
    panels[-1].legend()
    figure.savefig(path, dpi=130)
