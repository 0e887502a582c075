"""The queue of records for the shadow: short, and records are dropped if it is full."""

from __future__ import annotations

import threading
import uuid
from collections import deque
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from serve.prediction_log.frame import StoredRecord

MAX_ROWS: Final = 100_000
"""Maximum queued rows, 4 MB; a larger request is queued alone."""
ROWS_A_TIME: Final = 10_000


class Drawn(msgspec.Struct, frozen=True, gc=False):
    """A record to score, without anything that identifies the person."""

    chain_id: uuid.UUID
    sequence: int
    recorded_at: int
    features: NDArray[np.float32]

    @classmethod
    def of(cls, chain_id: uuid.UUID, record: StoredRecord) -> Drawn:
        """A copy, since the next batch is read into the same memory."""
        return cls(chain_id, record.facts.sequence, record.facts.recorded_at, record.features.copy())


class WaitingRecords:
    """A bounded queue between the shipping thread and the scoring thread."""

    def __init__(self, max_rows: int = MAX_ROWS) -> None:
        self._max_rows = max_rows
        self._records: deque[Drawn] = deque()
        self._rows = 0
        self._changed = threading.Condition()

    def has_room(self, rows: int) -> bool:
        """Whether there is room for a record of this number of rows."""
        return self._rows == 0 or self._rows + rows <= self._max_rows

    def put(self, drawn: Drawn) -> None:
        """Queue a record; only for a single producer that has checked `has_room`."""
        with self._changed:
            self._records.append(drawn)
            self._rows += len(drawn.features)
            self._changed.notify()

    def take(self, timeout_s: float) -> list[Drawn]:
        """Take the oldest records, about `ROWS_A_TIME` rows; empty after a timeout."""
        taken, rows = [], 0
        with self._changed:
            self._changed.wait_for(lambda: bool(self._records), timeout_s)
            while self._records and rows < ROWS_A_TIME:
                drawn = self._records.popleft()
                taken.append(drawn)
                rows += len(drawn.features)
            self._rows -= rows
        return taken
