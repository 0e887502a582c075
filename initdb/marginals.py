"""Quantile functions of single columns: straight between the profile's levels, flat at the commonest values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from initdb.profile import ColumnProfile, FloatArray, Profile

MOST_OF_A_PIECE: Final = 0.98
"""Share of the rows between two levels that atoms may take: with all of them the function would jump at a level."""

TAIL_KNOTS: Final = 12
"""Points on the power law above the highest level of the profile."""


@dataclass(frozen=True, slots=True)
class QuantileFunction:
    """Values over levels of 0 to 1, straight between the knots; two knots with one value hold an atom."""

    levels: FloatArray
    values: FloatArray

    def __call__(self, level: FloatArray) -> FloatArray:
        """Values at the levels."""
        return np.interp(level, self.levels, self.values)

    @classmethod
    def of_column(cls, profile: Profile, column: ColumnProfile, atoms: Mapping[float, float]) -> Self:
        """The column's quantiles with its range as edges, and the atoms (value -> share of the rows)."""
        levels = np.concatenate(([0.0], profile.levels, [1.0]))
        values = np.concatenate(([column.minimum], column.quantiles, [column.maximum]))
        body_levels, body_values = with_atoms(levels[:-1], values[:-1], atoms)
        tail_levels, tail_values = _power_tail(levels[-2], values[-2], column.maximum, profile.rows)
        return cls(np.concatenate((body_levels, tail_levels)), np.concatenate((body_values, tail_values)))


def with_atoms(levels: FloatArray, values: FloatArray, atoms: Mapping[float, float]) -> tuple[FloatArray, FloatArray]:
    """Knots of a quantile function that passes through (levels, values) and is flat at the atoms.

    An atom at a given quantile's value grows to both sides of that level, as far as its neighbours leave room; one
    between two quantiles takes its share out of the straight piece between them. Mass for which the levels leave
    no room is dropped: the quantiles are kept, an atom may come out a little small.
    """
    room = MOST_OF_A_PIECE * np.diff(levels)
    room[values[1:] == values[:-1]] = 0.0
    after = np.zeros(len(levels))
    before = np.zeros(len(levels))
    inner: dict[int, list[tuple[float, float]]] = {}
    for value, share in sorted(atoms.items(), key=lambda atom: -atom[1]):
        at = np.flatnonzero(values == value)
        if len(at) == 0:
            piece = int(np.searchsorted(values, value)) - 1
            taken = min(share, float(room[piece]))
            room[piece] -= taken
            inner.setdefault(piece, []).append((value, taken))
            continue
        first, last = int(at[0]), int(at[-1])
        left = float(room[first - 1]) if first > 0 else 0.0
        right = float(room[last]) if last < len(room) else 0.0
        excess = max(share - float(levels[last] - levels[first]), 0.0)
        grown_right = min(right, max(excess / 2, excess - left))
        grown_left = min(left, excess - grown_right)
        before[first], after[last] = grown_left, grown_right
        if first > 0:
            room[first - 1] -= grown_left
        if last < len(room):
            room[last] -= grown_right
    return _knots(levels, values, before, after, inner)


def _knots(
    levels: FloatArray,
    values: FloatArray,
    before: FloatArray,
    after: FloatArray,
    inner: dict[int, list[tuple[float, float]]],
) -> tuple[FloatArray, FloatArray]:
    knots: list[tuple[float, float]] = []
    for i, (level, value) in enumerate(zip(levels.tolist(), values.tolist(), strict=True)):
        knots += [(level - before[i], value)] if before[i] > 0 else []
        knots += [(level, value)]
        knots += [(level + after[i], value)] if after[i] > 0 else []
        if i in inner:
            knots += _inner_knots(
                (level + after[i], value), (levels[i + 1] - before[i + 1], values[i + 1]), sorted(inner[i])
            )
    table = np.array(knots)
    return table[:, 0], table[:, 1]


def _inner_knots(
    start: tuple[float, float], end: tuple[float, float], atoms: list[tuple[float, float]]
) -> list[tuple[float, float]]:
    free = end[0] - start[0] - sum(share for _, share in atoms)
    slope = free / (end[1] - start[1])
    knots = []
    level, value = start
    for atom, share in atoms:
        level += (atom - value) * slope
        knots += [(level, atom), (level + share, atom)]
        level, value = level + share, atom
    return knots


def _power_tail(level: float, value: float, maximum: float, rows: int) -> tuple[FloatArray, FloatArray]:
    """Knots above the highest quantile: a Pareto tail that reaches the maximum at the profile's last row."""
    step = np.linspace(0.0, 1.0, TAIL_KNOTS)[1:]
    beyond = 1.0 - level
    levels = 1.0 - beyond * (rows * beyond) ** -step
    return np.append(levels, 1.0), np.append(value * (maximum / value) ** step, maximum)
