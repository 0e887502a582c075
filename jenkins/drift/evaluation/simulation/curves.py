"""Power curves: how often each rule raises an alarm, by how much has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from fraud.statistics.interval import Interval
from fraud.statistics.reliability import share_interval
from jenkins.drift.evaluation.simulation.changes import AGE, Scenario, draw, in_thousands, missing, new_wave, older
from jenkins.drift.evaluation.simulation.rules import Rule
from jenkins.drift.evaluation.simulation.world import Applications, World

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS: Final = 1_000
SHARES: Final = (0.0, 0.0025, 0.005, 0.0075, 0.01, 0.02)
SHARE: Final = "share of the requests"
SIZE_INCHES: Final = (10.0, 7.4)


@dataclass(frozen=True, slots=True)
class Panel:
    """A kind of change in growing sizes, in windows of `ROWS` requests."""

    title: str
    x_label: str
    sizes: tuple[float, ...]
    scenario: Callable[[World, float], Scenario]


def _share_of(change: Callable[[World], Applications]) -> Callable[[World, float], Scenario]:
    return lambda world, size: Scenario("", ROWS, size, (change(world),))


PANELS: Final = (
    Panel(
        "everybody older",
        "standard deviations of age",
        (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3),
        lambda world, size: Scenario("", ROWS, 1.0, (older(world, size),)),
    ),
    Panel(
        "new wave: applicants younger than 27",
        SHARE,
        (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3),
        _share_of(new_wave),
    ),
    Panel("ages missing", SHARE, SHARES, _share_of(lambda world: missing(world, AGE))),
    Panel("incomes times 1,000", SHARE, SHARES, _share_of(in_thousands)),
)

Curves = Mapping[str, tuple[Interval, ...]]
"""By rule: share of windows with an alarm, a figure for each size."""


def curves(world: World, panel: Panel, rules: Mapping[str, Rule], windows: int, rng: np.random.Generator) -> Curves:
    """Try every rule on the same windows, this number for each size."""
    alarms = {name: np.zeros(len(panel.sizes), np.int64) for name in rules}
    for place, size in enumerate(panel.sizes):
        for window in draw(world, panel.scenario(world, size), windows, rng):
            for name, rule in rules.items():
                alarms[name][place] += rule(window)
    return {name: tuple(share_interval(int(hits), windows) for hits in found) for name, found in alarms.items()}


def draw_figure(found: Iterable[tuple[Panel, Curves]]) -> Figure:
    """Four panels, a line for each rule with its 95% intervals."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - takes a second
    from matplotlib.ticker import PercentFormatter  # noqa: PLC0415 - takes a second

    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    figure.suptitle(f"Share of checks of {ROWS:,} requests that raise an alarm (at 0: false alarms)")
    for axes, (panel, lines) in zip(figure.subplots(2, 2, sharey=True).flat, found, strict=True):
        axes.set(title=panel.title, xlabel=panel.x_label, ylim=(-0.02, 1.02))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        if panel.x_label == SHARE:
            axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.grid(alpha=0.3)
        for (name, shares), marker in zip(lines.items(), "os^", strict=True):
            below = [share.estimate - share.low for share in shares]
            above = [share.high - share.estimate for share in shares]
            heights = [share.estimate for share in shares]
            axes.errorbar(panel.sizes, heights, yerr=[below, above], marker=marker, ms=4, capsize=2, label=name)
    axes.legend(fontsize="small", loc="center right")
    return figure
