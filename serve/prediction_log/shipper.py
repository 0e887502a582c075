"""The shipper: moves the spool to PostgreSQL by large COPY commands, and removes only records committed there.

A record is written exactly once, however often it is tried: the mark of its chain moves in the transaction that writes
it, and an unexpected mark aborts the transaction.
"""

from __future__ import annotations

import fcntl
import logging
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

import psycopg2

from fraud.errors import DatabaseError
from serve.prediction_log.anchor_book import AnchorBook
from serve.prediction_log.backlog import Backlog, Segments
from serve.prediction_log.batch import Batch
from serve.prediction_log.errors import MarkMoved
from serve.prediction_log.metrics import LogMetrics
from serve.prediction_log.read_buffer import CHUNK_BYTES, ReadBuffer
from serve.prediction_log.segment import claim, make_folder, remove_abandoned_staging
from serve.prediction_log.table import ChainEnd, ChainPart, LogTable

logger = logging.getLogger(__name__)

LOCK_FILE: Final = "shipper.lock"
MAX_COPY_BYTES: Final = 16 * 1024 * 1024
FIRST_RETRY_S: Final = 0.1
LAST_RETRY_S: Final = 5.0
GAUGE_INTERVAL_S: Final = 1.0


class OnShipped(Protocol):
    """Called with records committed to PostgreSQL; never blocks or raises, and keeps no reference to the parts'
    memory.
    """

    def __call__(self, parts: Sequence[ChainPart], /, *, is_behind: bool) -> None:
        """These records were committed; `is_behind`: whether there is a backlog of more than a batch."""


def tell_nobody(_parts: Sequence[ChainPart], /, *, is_behind: bool) -> None:
    """Null object: ignores shipped records."""


@contextmanager
def only_shipper(folder: Path, stop: threading.Event, interval_s: float) -> Iterator[bool]:
    """Wait until no other process ships from this spool; False if one still does when `stop` is set."""
    make_folder(folder)
    with (folder / LOCK_FILE).open("ab") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if stop.wait(interval_s):
                    yield False
                    return
            else:
                yield True
                return


class Shipper:
    """Ships one spool. Call `run` under `only_shipper`."""

    def __init__(
        self,
        folder: Path,
        table: LogTable,
        anchors: AnchorBook,
        interval_s: float,
        metrics: LogMetrics,
        *,
        on_shipped: OnShipped = tell_nobody,
    ) -> None:
        """Reads nothing yet; records are collected for `interval_s` before they are shipped."""
        self._folder = folder
        self._backlog = Backlog(folder, ReadBuffer(MAX_COPY_BYTES + CHUNK_BYTES))
        self._anchors = anchors
        self._table = table
        self._interval_s = interval_s
        self.metrics = metrics
        self._on_shipped = on_shipped
        self._marks: dict[uuid.UUID, int] = {}
        self._batch = Batch()
        self._gauges_at = 0.0

    def run(self, stop: threading.Event) -> None:
        """Ship until `stop`, then ship the rest, as long as PostgreSQL accepts it."""
        with claim(self._folder):
            remove_abandoned_staging(self._folder)
        retry_s = FIRST_RETRY_S
        while True:
            stopping = stop.is_set()
            try:
                shipped = self.ship()
            except (psycopg2.Error, DatabaseError, OSError, MarkMoved) as error:
                self._recover(error, retry_s)
                if stopping:
                    return
                stop.wait(retry_s)
                retry_s = min(2 * retry_s, LAST_RETRY_S)
            else:
                retry_s = FIRST_RETRY_S
                if stopping and not shipped:
                    return
                if shipped < MAX_COPY_BYTES:
                    # Small transactions cost as much as large ones: collect records.
                    stop.wait(self._interval_s)
            self._tell()

    def ship(self) -> int:
        """Write waiting records, about `MAX_COPY_BYTES`; returns the bytes written, 0 if none waited.

        Raises:
            psycopg2.Error, DatabaseError: PostgreSQL does not answer, or refuses.
            MarkMoved: another shipper has shipped meanwhile.
            OSError: the spool can't be read or cleared.
        """
        segments = self._backlog.look()
        if not self._batch.parts:
            self._learn_marks(segments)
            self._batch = self._backlog.next_batch(segments, self._marks, MAX_COPY_BYTES)
            self._anchor_unconfirmed()
        if self._batch.parts:
            self._table.make_partitions(self._batch.moments)
            self._table.write(self._batch.parts)
            shipped = self._batch.size
            self._commit()
            self._clear(segments)
            return shipped
        self._clear(segments)
        return 0

    def _learn_marks(self, segments: Segments) -> None:
        unknown = {key.chain_id for key in segments} - self._marks.keys()
        if unknown:
            self._marks |= self._table.marks(unknown)

    def _commit(self) -> None:
        """Note that the batch is in PostgreSQL, and anchor it."""
        for part in self._batch.parts:
            self._marks[part.chain_id] = part.sequence
            self._anchors.move(ChainEnd(part.chain_id, part.sequence, part.hash))
        self.metrics.shipped.inc(self._batch.records)
        self._on_shipped(self._batch.parts, is_behind=self._batch.size >= MAX_COPY_BYTES)
        self._batch = Batch()

    def _clear(self, segments: Segments) -> None:
        left = self._backlog.clear_shipped(segments, self._marks)
        for chain_id in self._marks.keys() - left:
            del self._marks[chain_id]

    def _anchor_unconfirmed(self) -> None:
        """Anchor records whose commit was not confirmed, because the connection or a shipper was lost."""
        for end in self._backlog.committed.values():
            if end.sequence > self._anchors.sequence(end.chain_id):
                self._anchors.move(end)
        self._backlog.committed.clear()

    def _recover(self, error: Exception, retry_s: float) -> None:
        self.metrics.failures.inc()
        self._table.disconnect()
        if isinstance(error, MarkMoved):
            self._batch = Batch()
            self._backlog.forget()
            self._marks.clear()
        # PostgreSQL's CONTEXT and DETAIL lines can quote the data; the first line never does.
        reason = str(error).partition("\n")[0]
        logger.warning("the prediction log can't be shipped, next try in %.1f s: %s", retry_s, reason)

    def _tell(self) -> None:
        now = time.monotonic()
        if now < self._gauges_at:
            return
        self._gauges_at = now + GAUGE_INTERVAL_S
        self.metrics.spool_bytes.set(self._backlog.spool_bytes())
        waiting = self._backlog.waiting(self._marks, self._batch)
        self.metrics.waiting_records.set(waiting.records)
        age_s = 0.0 if waiting.oldest_at is None else time.time() - waiting.oldest_at / 1e6
        self.metrics.oldest_s.set(max(0.0, age_s))
