"""Lookup tables of a forest's feature contributions.

The contribution of a tree to each feature depends on a row only through the results of the tree's own tests. So the
thresholds cut each feature into intervals (a missing value is one more), intervals that can reach the same leaves form
a class, and a combination of classes is a cell: all rows of a cell have the same contributions. A table has them for
the cells of one tree, or of some of its leaves if the whole tree has too many cells, since contributions of leaves are
additive (`convert.contributions`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.features import FEATURE_COUNT
from serve.engine.contributions.errors import ContributionsError

NOT_A_THRESHOLD: Final = 2
"""Intervals of a feature beyond its thresholds: k thresholds make k + 1, and a missing value is the last."""


@dataclass(frozen=True, slots=True)
class ContributionTables:
    """T tables over F features with K distinct thresholds, in log-odds.

    A row's interval of a feature is the number of its thresholds that are not above the value; of a missing value it is
    one more than their number. A row's cell of table t starts in `values` at `starts[t]` plus, for each feature, the
    `offsets` of its interval; one value follows for each of the table's columns.
    """

    base: float
    """Expected value of the log-odds over the training rows: what the contributions are added to."""
    thresholds: NDArray[np.float32]
    """Ascending within a feature, feature after feature, [K]."""
    threshold_starts: NDArray[np.int32]
    """Where each feature's thresholds begin, and K, [F + 1]."""
    offsets: NDArray[np.int32]
    """One row for each interval, feature after feature, [K + 2 F, T]."""
    starts: NDArray[np.int32]
    """Where each table begins in `values`, and their number, [T + 1]."""
    columns: NDArray[np.int32]
    """The features of each table, table after table, [C]."""
    column_starts: NDArray[np.int32]
    """Where each table's columns begin, and C, [T + 1]."""
    values: NDArray[np.float32]

    @property
    def count(self) -> int:
        """T."""
        return len(self.starts) - 1

    def check(self) -> None:
        """Refuse tables with which compiled code would read outside of the arrays.

        Raises:
            ContributionsError: names the inconsistency.
        """
        fault = _fault(self)
        if fault is not None:
            raise ContributionsError(fault)


def _fault(tables: ContributionTables) -> str | None:
    if not (np.isfinite(tables.base) and np.isfinite(tables.values).all()):
        return "a value is not a finite number"
    shapes = (
        _partition(tables.threshold_starts, FEATURE_COUNT, len(tables.thresholds))
        and _partition(tables.starts, tables.count, len(tables.values))
        and _partition(tables.column_starts, tables.count, len(tables.columns))
        and tables.offsets.shape == (len(tables.thresholds) + NOT_A_THRESHOLD * FEATURE_COUNT, tables.count)
    )
    if not shapes:
        return "its arrays do not fit each other"
    if np.any((tables.columns < 0) | (tables.columns >= FEATURE_COUNT)):
        return f"a column is outside 0..{FEATURE_COUNT - 1}"
    bounds = tables.threshold_starts
    rising = np.diff(tables.thresholds) > 0
    borders = np.isin(np.arange(1, len(tables.thresholds)), bounds)
    if np.isnan(tables.thresholds).any() or not np.all(rising | borders):
        return "the thresholds of a feature do not rise"
    return None if _within(tables) else "a cell is outside its table"


def _partition(starts: NDArray[np.int32], parts: int, total: int) -> bool:
    """Whether `starts` cuts `total` entries into `parts` parts."""
    if starts.shape != (parts + 1,):
        return False
    return bool(starts[0] == 0 and starts[-1] == total and np.all(np.diff(starts) >= 0))


def _within(tables: ContributionTables) -> bool:
    # In int64, so that the check itself can't overflow.
    first = np.arange(FEATURE_COUNT) * NOT_A_THRESHOLD + tables.threshold_starts[:-1]
    furthest = np.maximum.reduceat(tables.offsets.astype(np.int64), first, axis=0).sum(axis=0)
    width = np.diff(tables.column_starts)
    return bool(np.all(tables.offsets >= 0) and np.all(furthest + width <= np.diff(tables.starts.astype(np.int64))))
