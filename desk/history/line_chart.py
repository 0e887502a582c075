"""A line chart of figures over time. Geometry only; a template draws it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

WIDTH: Final = 720
HEIGHT: Final = 240
LEFT, RIGHT, TOP, BOTTOM = 60, 15, 12, 28
LEAST_SPAN: Final = 0.02
"""Of the upright axis, so that noise does not look like a change."""

Point = tuple[dt.datetime, float]


class Dot(msgspec.Struct, frozen=True):
    """A figure, drawn at a place."""

    x: float
    y: float
    told: str


class Line(msgspec.Struct, frozen=True):
    """One series."""

    name: str
    dots: tuple[Dot, ...]

    @property
    def points(self) -> str:
        """As SVG has them."""
        return " ".join(f"{dot.x:g},{dot.y:g}" for dot in self.dots)


class LineChart(msgspec.Struct, frozen=True):
    """The whole of it."""

    caption: str
    lines: tuple[Line, ...]
    heights: tuple[tuple[float, str], ...]
    """Where marks of the upright axis are, and their words."""
    first: str
    last: str
    rows: tuple[tuple[str, str, str], ...]
    """When, which line, figure: the newest first."""
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM


def line_chart(caption: str, series: Mapping[str, Sequence[Point]]) -> LineChart | None:
    """A chart of what was when; None where there is nothing to draw."""
    points = [point for one in series.values() for point in one]
    if not points:
        return None
    moments, figures = [at for at, _ in points], [figure for _, figure in points]
    begin, end = min(moments), max(moments)
    middle, span = (min(figures) + max(figures)) / 2, max(1.2 * (max(figures) - min(figures)), LEAST_SPAN)
    low, high = middle - span / 2, middle + span / 2

    def x_of(at: dt.datetime) -> float:
        share = (at - begin) / (end - begin) if end > begin else 0.5
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y_of(figure: float) -> float:
        return round(TOP + (high - figure) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)

    lines = tuple(
        Line(
            name,
            tuple(Dot(x_of(at), y_of(figure), f"{name}, {at:%Y-%m-%d}: {figure:.4f}") for at, figure in sorted(one)),
        )
        for name, one in series.items()
    )
    marks = tuple((y_of(figure), f"{figure:.3f}") for figure in (low, middle, high))
    told = sorted(((f"{at:%Y-%m-%d}", name, f"{figure:.4f}") for name, one in series.items() for at, figure in one))
    return LineChart(caption, lines, marks, f"{begin:%Y-%m-%d}", f"{end:%Y-%m-%d}", tuple(reversed(told)))
