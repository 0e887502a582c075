"""PSI of each variable over the checks so far, as the places of lines in a drawing; the axis is logarithmic."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import Final

from fraud.verdict import Verdict
from jenkins.drift.result import EarlierCheck, WindowDrift

WIDTH: Final = 940
HEIGHT: Final = 240
LEFT: Final = 46
RIGHT: Final = 170
"""Room for the names of lines; all in pixels."""
TOP: Final = 12
BOTTOM: Final = 30
NAMED: Final = 4
"""Lines with a colour and a name: those that matter most; the others are grey."""
LEAST: Final = 0.001
"""The axis begins here; what is smaller lies on it."""
LEAST_TOP: Final = 0.1
"""The axis reaches at least so far."""
COLOURS: Final = ("#a11d1d", "#2563a8", "#b45f06", "#1b6e32")
GREY: Final = "#c9ced6"
NAME_HEIGHT: Final = 16.0


@dataclass(frozen=True, slots=True)
class Line:
    """One variable."""

    name: str
    colour: str
    points: tuple[tuple[float, float], ...]
    name_at: float | None
    """Height of its name beside the end; None when it has none."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Lines, the grey ones first; the floor; days at the ends of the axis; checks by their place and verdict."""

    lines: tuple[Line, ...]
    floor_at: float
    floor: float
    ticks: tuple[tuple[float, float], ...]
    """PSI and height of each line of the axis."""
    checks: tuple[tuple[float, dt.datetime, Verdict], ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    """Where lines end and their names begin."""
    base: int = HEIGHT - BOTTOM
    """Where the checks are marked."""


def timeline(window: WindowDrift, checked_at: dt.datetime) -> Timeline | None:
    """Earlier checks and this one; None while there is no earlier one, or nothing was compared."""
    if not window.earlier or not window.variables:
        return None
    current = {one.name: one.distances.psi for one in window.variables}
    checks = [*window.earlier, EarlierCheck(checked_at, window.verdict, current)]
    ranked = [one.name for one in window.ranked]
    floor = window.policy.psi_floor
    largest = max(LEAST_TOP, floor, *(value for check in checks for value in check.psi.values()))
    decades = math.ceil(math.log10(largest / LEAST))
    begin = checks[0].checked_at
    span = (checked_at - begin).total_seconds() or 1.0

    def across(at: dt.datetime) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (at - begin).total_seconds() / span

    def down(psi: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * math.log10(max(psi, LEAST) / LEAST) / decades

    places = _spread_out([down(current[name]) for name in ranked[:NAMED]])
    lines = [
        Line(
            name=name,
            colour=COLOURS[rank] if rank < NAMED else GREY,
            points=tuple((across(check.checked_at), down(check.psi[name])) for check in checks if name in check.psi),
            name_at=places[rank] if rank < NAMED else None,
        )
        for rank, name in enumerate(ranked)
    ]
    marks = tuple((across(check.checked_at), check.checked_at, check.verdict) for check in checks)
    ticks = tuple((psi, down(psi)) for psi in (LEAST * 10**decade for decade in range(decades + 1)))
    return Timeline(tuple(reversed(lines)), down(floor), floor, ticks, marks)


def _spread_out(heights: list[float]) -> list[float]:
    """Heights of names, moved apart so that none covers another."""
    placed: dict[int, float] = {}
    lowest = HEIGHT - BOTTOM + NAME_HEIGHT
    for place in sorted(range(len(heights)), key=lambda place: -heights[place]):
        lowest = min(heights[place], lowest - NAME_HEIGHT)
        placed[place] = lowest
    return [placed[place] for place in range(len(heights))]
