"""Cuts a batch into blocks for the least time.

A block takes the same time however few of its rows are used, and all walked rows take about the same time. So a few
measured times determine the cheapest cut for every number of rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

WALK: Final = 1
"""The way that scores row by row; other ways are named by the rows of their block."""


@dataclass(frozen=True, slots=True)
class BlockCosts:
    """Microseconds for one walked row, and for a block of each size; `block_us[i]` is for
    `block_rows[i]`, ascending.
    """

    row_us: float
    block_rows: tuple[int, ...] = ()
    block_us: tuple[float, ...] = ()


def default_costs(ways: tuple[int, ...]) -> BlockCosts:
    """Defaults before any measurement: the order of magnitude of 100 trees of depth 3."""
    rows = tuple(way for way in ways if way != WALK)
    return BlockCosts(0.5, rows, tuple(2.3 + 0.023 * size for size in rows))


class Cover:
    """The cheapest cut of any number of rows, by given costs."""

    __slots__ = ("_best", "_largest", "_row_us", "_unit", "_walk_rows")

    def __init__(self, costs: BlockCosts) -> None:
        self._row_us = costs.block_us[-1] / costs.block_rows[-1] if costs.block_rows else costs.row_us
        if not costs.block_rows:
            self._largest = 0
            return
        self._unit, self._largest = costs.block_rows[0], costs.block_rows[-1]
        self._walk_rows = int(costs.block_us[0] / costs.row_us)
        self._best = _cheapest(costs, self._largest // self._unit)

    def rows_in(self, us: float) -> int:
        """The number of rows of a large batch that can be scored in a time, at least one."""
        return max(1, int(us / self._row_us))

    def walks(self, rows: int) -> bool:
        """Whether this number of rows is best walked down the trees."""
        return not self._largest or rows <= self._walk_rows

    def pieces(self, rows: int) -> Iterator[tuple[int, int]]:
        """Ways and the row where each stops, first to last; the last one stops at `rows`."""
        if self.walks(rows):
            yield WALK, rows
            return
        start = rows - rows % self._largest
        if start:
            yield self._largest, start
        while start < rows:
            left = rows - start
            if self.walks(left):
                yield WALK, rows
                return
            way = self._best[-(-left // self._unit)]
            start = min(start + way, rows)
            yield way, start


def _cheapest(costs: BlockCosts, most: int) -> list[int]:
    """For 0 .. `most` units of rows, the first block of the cheapest way to cover them (knapsack by size)."""
    least = [0.0] * (most + 1)
    first = [0] * (most + 1)
    sizes = list(zip((rows // costs.block_rows[0] for rows in costs.block_rows), costs.block_us, strict=True))
    for units in range(1, most + 1):
        least[units], size = min((us + least[max(units - size, 0)], size) for size, us in sizes)
        first[units] = size * costs.block_rows[0]
    return first
