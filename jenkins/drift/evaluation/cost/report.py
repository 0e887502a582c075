"""The costs as a table in Markdown and a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from jenkins.drift.evaluation.cost.ways import Cost
from train.axes import labelled_axes, save_png

MIB: Final = 1024 * 1024
NOT_RUN: Final = "-"

Costs = Mapping[str, Mapping[int, Cost]]
"""By way and number of applications; what was not run is missing."""


def markdown(costs: Costs, sizes: Sequence[int], machine: str) -> str:
    """The whole file."""
    header = ["logged applications", *(f"{way}: {figure}" for way in costs for figure in ("seconds", "MiB"))]
    lines = [
        "# What a drift check costs",
        "",
        f"Made by `python -m jenkins.drift.evaluation.cost` on {machine}; PostgreSQL on the same machine, requests of",
        "100 rows spread over a week. Peak memory is that of the process that asks, Python and its libraries included.",
        "Roll-up: a whole check, both windows and all tests. `-` was not run: pandas needs 1.7 kB of memory for a row.",
        "",
        "| " + " | ".join(header) + " |",
        "|" + "---:|" * len(header),
    ]
    for size in sizes:
        cells = [f"{size:,}"]
        for by_size in costs.values():
            cost = by_size.get(size)
            cells += [NOT_RUN] * 2 if cost is None else [f"{cost.seconds:.3f}", f"{cost.peak_bytes / MIB:.0f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", "![Seconds by logged applications](cost.png)", ""])


def plot(costs: Costs, path: Path) -> None:
    """Seconds over applications, both logarithmic."""
    axes = labelled_axes("A drift check by the size of the log", "logged applications of a week", "seconds")
    for way, by_size in costs.items():
        axes.plot(list(by_size), [cost.seconds for cost in by_size.values()], "o-", label=way)
    axes.set(xscale="log", yscale="log")
    axes.legend()
    save_png(axes, path)
