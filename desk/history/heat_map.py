"""A heat map: rows by months, each cell with a level and its figure. Geometry only; a template draws it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

LABEL_WIDTH: Final = 190
CELL_WIDTH: Final = 44
CELL_HEIGHT: Final = 22
HEAD_HEIGHT: Final = 20


class Cell(msgspec.Struct, frozen=True):
    """One figure, drawn at a place."""

    x: int
    y: int
    level: int
    """From 0, nothing, to 3."""
    figure: str


class HeatRow(msgspec.Struct, frozen=True):
    """One row."""

    name: str
    y: int
    figures: tuple[str, ...]
    """By column; empty where nothing is known."""


class HeatMap(msgspec.Struct, frozen=True):
    """The whole of it."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[HeatRow, ...]
    cells: tuple[Cell, ...]
    legend: tuple[str, ...]
    """What the levels mean."""

    @property
    def width(self) -> int:
        """Of the picture."""
        return LABEL_WIDTH + CELL_WIDTH * len(self.columns)

    @property
    def height(self) -> int:
        """Of the picture."""
        return HEAD_HEIGHT + CELL_HEIGHT * len(self.rows)

    def column_x(self, place: int) -> int:
        """The middle of a column."""
        return LABEL_WIDTH + CELL_WIDTH * place + CELL_WIDTH // 2


def heat_map(
    caption: str,
    figures: Mapping[str, Mapping[str, float]],
    borders: Sequence[float],
    form: str,
    legend: tuple[str, ...],
) -> HeatMap:
    """A map of figures by row and column; a figure's level is how many of the `borders` it reaches."""
    columns = tuple(sorted({column for row in figures.values() for column in row}))
    rows, cells = [], []
    for place, (name, row) in enumerate(figures.items()):
        y = HEAD_HEIGHT + CELL_HEIGHT * place
        told = tuple(format(row[column], form) if column in row else "" for column in columns)
        rows.append(HeatRow(name, y, told))
        cells += [
            Cell(LABEL_WIDTH + CELL_WIDTH * column, y, sum(row[name_of] >= border for border in borders), told[column])
            for column, name_of in enumerate(columns)
            if name_of in row
        ]
    return HeatMap(caption, columns, tuple(rows), tuple(cells), legend)
