"""The shadow: what was shipped is scored once more by another version, while there is time.

It runs in the shipper's process, not in those that answer: a thread there would hold the GIL in the event loop's way,
and a thread of low priority that is preempted with the GIL in hand would hold it for long. Here nothing that it does
can change an answer or delay one. A record is on disk with all its features, so none is sent twice; and it has come to
the database before its shadow, so a shadow always has a record, and retention and erasure find it there.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import psycopg2

from fraud.errors import DatabaseError
from fraud.features import FEATURE_COUNT
from serve.prediction_log.table import ChainPart
from serve.shadow.draw import is_drawn
from serve.shadow.metrics import Outcome, ShadowMetrics
from serve.shadow.model import ShadowModel, ShadowVersion
from serve.shadow.table import ShadowRow, ShadowTable
from serve.shadow.told_once import ToldOnce
from serve.shadow.waiting import Drawn, WaitingRecords

TAKE_TIMEOUT_S: Final = 0.5
STOP_TIMEOUT_S: Final = 2.0
"""For what is being scored and written."""


class Shadow:
    """Draws, scores and writes. `offer` is for the thread that ships; all else happens in threads of its own."""

    def __init__(
        self,
        model: ShadowModel,
        table: ShadowTable,
        share: float,
        metrics: ShadowMetrics,
        waiting: WaitingRecords | None = None,
    ) -> None:
        """Nothing runs yet; what is offered meanwhile waits, as far as there is room."""
        self._model = model
        self._table = table
        self._share = share
        self._metrics = metrics
        self._waiting = waiting or WaitingRecords()
        self._told = ToldOnce("the shadow's table")
        self._stop = threading.Event()
        self._follower = threading.Thread(target=model.run, args=(self._stop,), name="shadow-model", daemon=True)
        self._scorer = threading.Thread(target=self._run, name="shadow", daemon=True)

    @contextmanager
    def running(self) -> Iterator[Shadow]:
        """Follow the alias and score what is offered, until the block ends; what still waits then is given up."""
        self._follower.start()
        self._scorer.start()
        try:
            yield self
        finally:
            self._stop.set()
            self._scorer.join(STOP_TIMEOUT_S)

    def offer(self, parts: Sequence[ChainPart], *, is_behind: bool) -> None:
        """Records that have just come to the database; never waits.

        Args:
            parts: their memory is used again as soon as this returns.
            is_behind: more is to be shipped than fits into a batch, which comes first: nothing of this is kept.
        """
        dropped = 0
        for part in parts:
            for record in part.records:
                rows, width = record.features.shape
                # A load test is no application, and other features were declared for a server of before.
                if record.facts.load_test or width != FEATURE_COUNT or not is_drawn(record.hash, self._share):
                    continue
                if is_behind or not self._waiting.has_room(rows):
                    dropped += 1
                else:
                    self._waiting.put(Drawn.of(part.chain_id, record))
        if dropped:
            self._metrics.count(Outcome.DROPPED, dropped)

    def _run(self) -> None:
        while not self._stop.is_set():
            if drawn := self._waiting.take(TAKE_TIMEOUT_S):
                self._shadow(drawn)
        while given_up := self._waiting.take(0):
            self._metrics.count(Outcome.DROPPED, len(given_up))
        self._table.disconnect()

    def _shadow(self, drawn: Sequence[Drawn]) -> None:
        version = self._model.active
        if version is None:
            self._metrics.count(Outcome.NO_MODEL, len(drawn))
            return
        try:
            self._table.write([_scored(record, version) for record in drawn])
        except (psycopg2.Error, DatabaseError) as error:
            self._table.disconnect()
            self._metrics.faults.inc()
            self._metrics.count(Outcome.FAILED, len(drawn))
            self._told.fault("table", str(error))
        else:
            self._metrics.count(Outcome.WRITTEN, len(drawn))
            self._told.works()


def _scored(drawn: Drawn, version: ShadowVersion) -> ShadowRow:
    # Each record by itself, as the version would have been asked: kernels for other sizes may round otherwise.
    return ShadowRow(
        drawn.chain_id,
        drawn.sequence,
        drawn.recorded_at,
        version.manifest.model_version,
        version.sha256,
        version.engine.score(drawn.features),
    )
