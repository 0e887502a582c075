"""The log's writer: records gather in memory and a thread of its own moves them to PostgreSQL in large COPYs.

Requests never wait for the database. While it is away the buffer grows to its bound; past the bound a request is
refused rather than answered without a record.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from io import BytesIO
from typing import Final

import psycopg2
from psycopg2.extensions import connection as Connection

from serve.errors import PredictionLogFull
from serve.prediction_log.binary_copy import COPY_STATEMENT, encode_copy
from serve.prediction_log.record import PredictionRecord

logger = logging.getLogger(__name__)

MAX_ROWS_PER_COPY: Final = 50_000
CONNECT_TIMEOUT_S: Final = 5
STATEMENT_TIMEOUT_MS: Final = 30_000
FIRST_RETRY_S: Final = 0.1
LAST_RETRY_S: Final = 5.0


class PredictionLog:
    """A bounded buffer in front of `prediction_requests`; safe to append to from any thread."""

    def __init__(self, dsn: str, buffer_rows: int, flush_interval_s: float) -> None:
        self._dsn = dsn
        self._buffer_rows = buffer_rows
        self._flush_interval_s = flush_interval_s
        self._waiting: deque[PredictionRecord] = deque()
        self._waiting_rows = 0
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._abandon = threading.Event()
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)

    def start(self) -> None:
        """Start the writing thread; the database need not be there yet."""
        self._thread.start()

    def append(self, record: PredictionRecord) -> None:
        """Take a record over; returns at once.

        Raises:
            PredictionLogFull: the buffer is at its bound and the record was not taken.
        """
        with self._changed:
            if self._waiting_rows + record.row_count > self._buffer_rows:
                raise PredictionLogFull(f"{self._waiting_rows} predictions wait for the database: try again later")
            self._waiting.append(record)
            self._waiting_rows += record.row_count
            self._changed.notify()

    @property
    def waiting_rows(self) -> int:
        """Predictions that are not in the database yet."""
        return self._waiting_rows

    def stop(self, timeout_s: float) -> int:
        """Write what waits, for at most `timeout_s`, and end the thread.

        Returns:
            The number of predictions that could not be written; 0 when all is on record.
        """
        self._stop.set()
        with self._changed:
            self._changed.notify()
        self._thread.join(timeout_s)
        self._abandon.set()
        if self._waiting_rows:
            logger.error("%d predictions could not be written before the stop", self._waiting_rows)
        return self._waiting_rows

    def _run(self) -> None:
        retry_s = FIRST_RETRY_S
        while not (self._abandon.is_set() or (self._stop.is_set() and not self._waiting)):
            batch = self._next_batch()
            if not batch:
                continue
            try:
                self._write(batch)
            except (psycopg2.Error, OSError) as error:
                self._disconnect()
                logger.warning("the prediction log can't be written, next try in %.1f s: %s", retry_s, _brief(error))
                self._abandon.wait(retry_s)
                retry_s = min(2 * retry_s, LAST_RETRY_S)
            else:
                self._forget(batch)
                retry_s = FIRST_RETRY_S
        self._disconnect()

    def _next_batch(self) -> list[PredictionRecord]:
        """The oldest records, left in the buffer until they are committed; empty when there are none yet."""
        with self._changed:
            if not self._waiting and not self._stop.is_set():
                self._changed.wait()
            if self._waiting_rows < MAX_ROWS_PER_COPY and not self._stop.is_set():
                # Let a few more requests arrive: one commit for all of them.
                self._changed.wait_for(self._copy_is_worth_it, self._flush_interval_s)
            batch: list[PredictionRecord] = []
            rows = 0
            for record in self._waiting:
                if batch and rows + record.row_count > MAX_ROWS_PER_COPY:
                    break
                batch.append(record)
                rows += record.row_count
            return batch

    def _copy_is_worth_it(self) -> bool:
        return self._stop.is_set() or self._waiting_rows >= MAX_ROWS_PER_COPY

    def _write(self, batch: list[PredictionRecord]) -> None:
        if self._connection is None:
            self._connection = psycopg2.connect(
                self._dsn,
                connect_timeout=CONNECT_TIMEOUT_S,
                application_name="prediction-log",
                options=f"-c statement_timeout={STATEMENT_TIMEOUT_MS}",
            )
        try:
            _copy(self._connection, batch)
        except (psycopg2.IntegrityError, psycopg2.DataError):
            self._write_one_by_one(self._connection, batch)

    def _write_one_by_one(self, connection: Connection, batch: list[PredictionRecord]) -> None:
        """Let no record hold up the others: one that is already there, or that PostgreSQL will never take."""
        for record in batch:
            try:
                _copy(connection, [record])
            except psycopg2.errors.UniqueViolation:
                # The commit had succeeded and only its confirmation was lost.
                logger.info("record %s was already written", record.record_id)
            except (psycopg2.IntegrityError, psycopg2.DataError) as error:
                logger.error("PostgreSQL refuses record %s: %s", record.record_id, _brief(error))

    def _forget(self, batch: list[PredictionRecord]) -> None:
        with self._changed:
            for record in batch:
                self._waiting.popleft()
                self._waiting_rows -= record.row_count

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _copy(connection: Connection, records: list[PredictionRecord]) -> None:
    with connection, connection.cursor() as cursor:
        cursor.copy_expert(COPY_STATEMENT, BytesIO(encode_copy(records)))


def _brief(error: Exception) -> str:
    # PostgreSQL's CONTEXT and DETAIL lines can quote the data; the first line never does.
    return str(error).partition("\n")[0]
