"""Contributions of features to the log-odds of rows: exact path-dependent TreeSHAP, looked up in tables.

Source: Lundberg et al. 2020, "From local explanations to global understanding with explainable AI for trees".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.features import FEATURE_COUNT
from serve.engine.contributions.tables import NOT_A_THRESHOLD, ContributionTables
from serve.engine.engine import Matrix

Effects = NDArray[np.float32]
"""For each row the contribution of each feature in log-odds, [N, 10]."""

Lookup = Callable[[Matrix, Effects], None]
"""Writes the effects of rows."""

MOST_VALUES_AT_ONCE: Final = 1 << 20
"""Entries of one step of the NumPy lookup, each of which takes about 40 bytes."""


class Contributions:
    """A model's contributions. Any number of threads may call `effects` at once."""

    __slots__ = ("_look_up", "_tables")

    def __init__(self, tables: ContributionTables, look_up: Lookup | None = None) -> None:
        """Look up in `tables` with NumPy, or with `look_up`, whose results must be bit-equal."""
        self._tables = tables
        self._look_up = look_up or NumpyLookup(tables)

    @property
    def base(self) -> float:
        """Expected value of the log-odds over the training rows."""
        return self._tables.base

    @property
    def thresholds(self) -> tuple[NDArray[np.float32], ...]:
        """The distinct thresholds of the forest for each feature, ascending."""
        return tuple(np.split(self._tables.thresholds, self._tables.threshold_starts[1:-1]))

    def effects(self, matrix: Matrix) -> Effects:
        """Contribution of each feature to the log-odds of each row of `matrix` [N, 10], as float32 [N, 10].

        `base` and the effects of a row add up to its log-odds.
        """
        effects = np.empty((len(matrix), FEATURE_COUNT), dtype=np.float32)
        self._look_up(np.ascontiguousarray(matrix, dtype=np.float32), effects)
        return effects


class NumpyLookup:
    """The lookup without compiled code; also the reference for compiled code."""

    __slots__ = ("_number", "_table", "_tables")

    def __init__(self, tables: ContributionTables) -> None:
        self._tables = tables
        widths = np.diff(tables.column_starts)
        self._table = np.repeat(np.arange(tables.count), widths)
        self._number = np.arange(len(tables.columns)) - tables.column_starts[self._table]

    def __call__(self, matrix: Matrix, effects: Effects) -> None:
        """Write the effects of rows; sums are of float64, in the order of the tables."""
        step = max(1, MOST_VALUES_AT_ONCE // max(len(self._tables.columns), 1))
        for start in range(0, len(matrix), step):
            effects[start : start + step] = self._sums(matrix[start : start + step])

    def _sums(self, rows: Matrix) -> NDArray[np.float64]:
        tables = self._tables
        values = tables.values[self._places(rows)[:, self._table] + self._number]
        bins = np.arange(len(rows))[:, np.newaxis] * FEATURE_COUNT + tables.columns
        # It adds sequentially, in order.
        sums = np.bincount(bins.ravel(), values.ravel(), len(rows) * FEATURE_COUNT)
        return np.asarray(sums, dtype=np.float64).reshape(len(rows), FEATURE_COUNT)

    def _places(self, rows: Matrix) -> NDArray[np.int32]:
        """Where each row's cell begins in `values`, [N, T]."""
        tables = self._tables
        places = np.repeat(tables.starts[np.newaxis, :-1], len(rows), axis=0)
        for column in range(FEATURE_COUNT):
            start, stop = tables.threshold_starts[column], tables.threshold_starts[column + 1]
            interval = np.searchsorted(tables.thresholds[start:stop], rows[:, column], side="right")
            interval[np.isnan(rows[:, column])] = stop - start + 1
            places += tables.offsets[start + NOT_A_THRESHOLD * column + interval]
        return places
