"""Adds up a row's contributions from `ContributionTables`. Source of compiled code: see `serve.engine.compilation`."""

# ruff: noqa: PLR0917 - compiled code takes arrays by position
from __future__ import annotations

from typing import Any

import numpy as np

from fraud.features import FEATURE_COUNT
from serve.engine.contributions.tables import NOT_A_THRESHOLD
from serve.engine.jit import inlined


@inlined
def interval_of(value: Any, thresholds: Any, start: Any, stop: Any) -> Any:
    """The number of thresholds in [start, stop) that are not above the value; the total plus one
    for a missing value.
    """
    if np.isnan(value):
        return stop - start + 1
    low, high = start, stop
    while low < high:
        middle = (low + high) // 2
        if thresholds[middle] <= value:
            low = middle + 1
        else:
            high = middle
    return low - start


def explain_rows(
    x: Any,
    out: Any,
    thresholds: Any,
    threshold_starts: Any,
    offsets: Any,
    starts: Any,
    columns: Any,
    column_starts: Any,
    values: Any,
    places: Any,
    sums: Any,
) -> None:
    """Contributions of the rows of `x` [n, 10] into `out` [n, 10].

    `places` int32 [T] and `sums` float64 [10] are scratch of this call; the others are the tables' arrays.
    """
    tables = places.shape[0]
    for row in range(x.shape[0]):
        for table in range(tables):
            places[table] = starts[table]
        for column in range(FEATURE_COUNT):
            start, stop = np.intp(threshold_starts[column]), np.intp(threshold_starts[column + 1])
            at = start + NOT_A_THRESHOLD * column + interval_of(x[row, column], thresholds, start, stop)
            # Tables without this feature have offset 0: adding it costs less than a branch.
            for table in range(tables):
                places[table] += offsets[at, table]
        for column in range(FEATURE_COUNT):
            sums[column] = 0.0
        for table in range(tables):
            place, first = np.intp(places[table]), np.intp(column_starts[table])
            for number in range(np.intp(column_starts[table + 1]) - first):
                sums[columns[first + number]] += values[place + number]
        for column in range(FEATURE_COUNT):
            out[row, column] = sums[column]
