"""The roll-up for the drift monitor: counts of applications by hour, in the bins of the version that answered.

It is updated in the transaction that writes the records, so that each application counts exactly once. Load tests are
not counted. For a version without bins only applications are counted, not their values: the monitor sees that they are
missing, and `python -m jenkins.drift rebuild` makes them from the log.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from psycopg2.extensions import cursor as Cursor

from fraud.statistics.binning import count_in_bins
from serve.prediction_log.frame import StoredRecord

HOUR_US: Final = 3_600_000_000
PIECE_ROWS: Final = 32 * 1024
"""Rows counted at a time: a column fits in a core's own cache, and is long enough for numpy's call overhead."""
BLOCK_ROWS: Final = 4096
"""Rows transposed at a time, for the same cache."""
FEW_ROWS: Final = 32
"""Schema version of a record's features."""

_THRESHOLDS: Final = """
    SELECT thresholds FROM drift_bins WHERE model_sha256 = %s AND model_version = %s ORDER BY number
"""
_ADD: Final = """
    INSERT INTO drift_hours (model_sha256, model_version, hour, applications, counts)
    VALUES (%s, %s, to_timestamp(%s), %s, %s::bigint[])
    ON CONFLICT (model_sha256, model_version, hour) DO UPDATE SET
        applications = drift_hours.applications + excluded.applications,
        counts = add_counts(drift_hours.counts, excluded.counts)
"""

Thresholds = Sequence[NDArray[np.float32]]
"""Thresholds of each variable: the features in column order, then the probability."""


class ModelHour(msgspec.Struct, frozen=True, order=True, gc=False):
    """One hour, counted from 1970, of one version's applications."""

    model_sha256: bytes
    model_version: int
    hour: int


class HourlyCounts:
    """Adds records to `drift_hours`; caches the bins of versions."""

    def __init__(self) -> None:
        self._thresholds: dict[tuple[bytes, int], Thresholds] = {}

    def add(self, cursor: Cursor, records: Iterable[StoredRecord]) -> None:
        """Count records in the cursor's transaction.

        Raises:
            psycopg2.Error: PostgreSQL does not answer, or refuses.
        """
        hours: dict[ModelHour, list[StoredRecord]] = {}
        for record in records:
            facts = record.facts
            if not facts.load_test:
                key = ModelHour(facts.model_sha256, facts.model_version, facts.received_at // HOUR_US)
                hours.setdefault(key, []).append(record)
        # Sorted, so that two shippers can't deadlock.
        for key in sorted(hours):
            thresholds = self._thresholds_of(cursor, key)
            counts = count_applications(hours[key], thresholds).tolist() if thresholds else None
            applications = sum(record.probabilities.size for record in hours[key])
            cursor.execute(_ADD, (key.model_sha256, key.model_version, key.hour * 3600, applications, counts))

    def _thresholds_of(self, cursor: Cursor, key: ModelHour) -> Thresholds | None:
        """None while the version has none; then the database is asked again."""
        model = key.model_sha256, key.model_version
        if model not in self._thresholds:
            cursor.execute(_THRESHOLDS, model)
            if found := [np.array(thresholds, np.float32) for (thresholds,) in cursor.fetchall()]:
                self._thresholds[model] = found
        return self._thresholds.get(model)


def count_applications(records: Sequence[StoredRecord], thresholds: Thresholds) -> NDArray[np.int64]:
    """Counts of applications in each bin of each variable, one variable after the other."""
    counts = np.zeros(sum(len(one) + 2 for one in thresholds), np.int64)
    for piece in _pieces(records):
        columns = zip(_columns(piece), thresholds, strict=True)
        counts += np.concatenate([count_in_bins(column, one) for column, one in columns])
        os.sched_yield()  # let waiting requests run first
    return counts


def _pieces(records: Sequence[StoredRecord]) -> Iterator[Sequence[StoredRecord]]:
    """Groups of records of about `PIECE_ROWS` rows, or a single larger one."""
    first = rows = 0
    for end, record in enumerate(records, 1):
        rows += record.probabilities.size
        if rows >= PIECE_ROWS or end == len(records):
            yield records[first:end]
            first, rows = end, 0


def _columns(records: Sequence[StoredRecord]) -> NDArray[np.float32]:
    """The variables [V, N] of all rows, each contiguous in memory."""
    rows = sum(record.probabilities.size for record in records)
    columns = np.empty((records[0].features.shape[1] + 1, rows), np.float32)
    if rows < FEW_ROWS * len(records):
        # Numpy's call overhead exceeds the cost of copying a few rows twice.
        columns[:-1] = np.concatenate([record.features for record in records]).T
        columns[-1] = np.concatenate([record.probabilities for record in records])
        return columns
    end = 0
    for record in records:
        first, end = end, end + record.probabilities.size
        columns[-1, first:end] = record.probabilities
        for start in range(first, end, BLOCK_ROWS):
            stop = min(start + BLOCK_ROWS, end)
            columns[:-1, start:stop] = record.features[start - first : stop - first].T
    return columns
