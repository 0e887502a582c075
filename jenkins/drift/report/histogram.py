"""A variable's shares by bin, reference beside current, as the places of bars in a drawing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from jenkins.drift.counts import VariableCounts

WIDTH: Final = 460
HEIGHT: Final = 230
LEFT: Final = 38
"""Room for the figures of the axis; all in pixels."""
BOTTOM: Final = 78
"""Room for the bins' names, which are slanted."""
TOP: Final = 8
GAP_SHARE: Final = 0.25
"""Of a bin's width."""
STEPS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25)
MOST_TICKS: Final = 5


@dataclass(frozen=True, slots=True)
class Bar:
    """One bin: two bars side by side."""

    label: str
    reference: float
    """Share of the rows."""
    current: float
    left: float
    width: float
    """Of each of the two."""
    reference_height: float
    current_height: float
    strange: bool
    """Whether the reference has no such values."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Bars, and the shares at which the axis has lines, each with its height."""

    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, float], ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    base: int = HEIGHT - BOTTOM
    """Where bars stand."""


def histogram(counts: VariableCounts) -> Histogram:
    """Of all bins but those that both sides leave empty."""
    before, now = counts.reference / counts.reference.sum(), counts.current / counts.current.sum()
    used = [place for place in range(before.size) if before[place] > 0 or now[place] > 0]
    highest = float(max(before.max(), now.max()))
    scale = (HEIGHT - BOTTOM - TOP) / highest
    room = (WIDTH - LEFT) / len(used)
    bar = room * (1 - GAP_SHARE) / 2
    labels, in_range = counts.bins.labels, counts.in_range
    bars = tuple(
        Bar(
            label=labels[place],
            reference=float(before[place]),
            current=float(now[place]),
            left=LEFT + number * room + room * GAP_SHARE / 2,
            width=bar,
            reference_height=float(before[place]) * scale,
            current_height=float(now[place]) * scale,
            strange=not in_range[place],
        )
        for number, place in enumerate(used)
    )
    step = next((step for step in STEPS if highest / step <= MOST_TICKS), STEPS[-1])
    ticks = tuple((number * step, number * step * scale) for number in range(int(highest / step) + 1))
    return Histogram(bars, ticks)
