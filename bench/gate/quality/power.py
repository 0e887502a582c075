"""Power of the gate: how often a candidate is promoted, by its true gain; as a table and a plot.

Run as `python -m bench.gate.quality.power`; the plot kept beside the gate, `bench/gate/power.png`, was made with
`--trials 30 --years 40`, eleven minutes on two cores. The defaults take over an hour.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from bench.gate.quality.simulation import REFRESH, World, promoted, swaps_in_a_year
from fraud.command_line import CommandLine
from fraud.statistics.interval import Interval
from fraud.statistics.reliability import share_interval
from train.axes import labelled_axes, save_png

GAINS: Final = (0.0, 0.005, 0.01, 0.015, 0.02, 0.025)
CORRELATIONS: Final = (0.8, 0.9, 0.95)
LEVELS: Final = (0.05, 0.01, 0.0043)
REFRESHED: Final = (-0.02, -0.01, -0.005, 0.0, 0.005)
"""True change of average precision by a refresh."""
YEAR_ROWS: Final = 5_000
"""Of the window in a simulated year: error rates hardly depend on it, their cost does."""


@dataclass(frozen=True, slots=True)
class PowerPoint:
    """Gates of one world and one true gain."""

    correlation: float
    level: float
    gain: float
    promoted: Interval
    """Share of trials, with its 95% interval."""


def power_point(world: World, gain: float, trials: int, seed: int) -> PowerPoint:
    """Simulate this number of gates."""
    hits = sum(promoted(world, gain, trials, seed))
    return PowerPoint(world.correlation, world.level, gain, share_interval(hits, trials))


def yearly_error(level: float, years: int, seed: int) -> Interval:
    """Share of years, of twelve equal candidates each, in which any of them is promoted."""
    world = World(rows=YEAR_ROWS, resamples=1000, level=level)
    return share_interval(sum(swaps_in_a_year(world, seed + year) > 0 for year in range(years)), years)


def draw(points: Sequence[PowerPoint], path: Path) -> None:
    """Share of candidates promoted over their true gain, a line for each correlation of the two models."""
    axes = labelled_axes(
        "Share of candidates that the gate promotes (20,000 test rows, 15% positive)",
        "true gain of average precision",
        "share promoted",
    )
    for correlation in sorted({point.correlation for point in points}):
        line = [point for point in points if point.correlation == correlation]
        shares = np.array([(point.promoted.estimate, point.promoted.low, point.promoted.high) for point in line]).T
        bars = np.stack([shares[0] - shares[1], shares[2] - shares[0]])
        gains = [point.gain for point in line]
        axes.errorbar(gains, shares[0], yerr=bars, marker="o", capsize=3, label=f"score correlation {correlation:g}")
    axes.axhline(0.05, color="grey", ls=":", label="most equal models promoted: 5%")
    axes.axhline(0.9, color="grey", ls="--", label="asked of a gain of 0.025: 90%")
    axes.set(ylim=(0, 1.02))
    axes.legend(fontsize="small", loc="center right")
    save_png(axes, path)


def main(
    plot: Annotated[Path, typer.Option(help="PNG file of the power curve.")] = Path("bench/gate/power.png"),
    trials: Annotated[int, typer.Option(min=1, help="Gates for each point.")] = 200,
    years: Annotated[int, typer.Option(min=1, help="Years for each level.")] = 200,
    seed: Annotated[int, typer.Option(help="Seed of everything drawn.")] = 1,
) -> None:
    """Simulate the gate: power by true gain, and the share of years in which an equal model is promoted."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        powers = [
            pool.submit(power_point, World(correlation=correlation), gain, trials, seed)
            for correlation in CORRELATIONS
            for gain in GAINS
        ]
        refreshes = [pool.submit(power_point, REFRESH, change, trials, seed) for change in REFRESHED]
        errors = [(level, pool.submit(yearly_error, level, years, seed)) for level in LEVELS]
        points = [power.result() for power in powers]
        table = Table("score correlation", "true gain", "promoted", title="Level 0.01, rule superior")
        for point in points:
            table.add_row(f"{point.correlation:g}", f"{point.gain:g}", _share(point.promoted))
        Console().print(table)
        draw(points, plot)
        shipped = Table("true change", "shipped", title="Refresh: level 0.01, rule noninferior, margin 0.005")
        for refreshed in refreshes:
            point = refreshed.result()
            shipped.add_row(f"{point.gain:+g}", _share(point.promoted))
        Console().print(shipped)
        yearly = Table("level of each gate", "years with a swap of equal models", title="Twelve gates a year")
        for level, error in errors:
            yearly.add_row(f"{level:g}", _share(error.result()))
        Console().print(yearly)


def _share(share: Interval) -> str:
    return f"{share.estimate:.1%} ({share.low:.1%} to {share.high:.1%})"


if __name__ == "__main__":
    CommandLine(main)()
