"""The shadow: another version scores shipped records again, as time permits.

It runs in the shipper's process, not in the workers: a thread there would compete with the event loop for the GIL, and
a low-priority thread preempted while it holds the GIL would hold it for long. Here it can neither change nor delay an
answer. Records are on disk with all features, so nothing needs to be sent again. A record reaches the database before
its shadow, so each shadow has a record, and retention and erasure find it there.
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
"""Seconds to wait at the end for the batch in progress."""


class Shadow:
    """Samples, scores and writes. The shipping thread calls `offer`; everything else runs in the
    shadow's own threads.
    """

    def __init__(
        self,
        model: ShadowModel,
        table: ShadowTable,
        share: float,
        metrics: ShadowMetrics,
        waiting: WaitingRecords | None = None,
    ) -> None:
        """Nothing runs yet; offered records are queued while there is room."""
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
        """Follow the alias and score offered records until the block ends; records still queued are dropped then."""
        self._follower.start()
        self._scorer.start()
        try:
            yield self
        finally:
            self._stop.set()
            self._scorer.join(STOP_TIMEOUT_S)

    def offer(self, parts: Sequence[ChainPart], *, is_behind: bool) -> None:
        """Offer records that were just shipped; never blocks.

        Args:
            parts: their memory is reused as soon as this returns.
            is_behind: whether the shipper has a backlog, which takes precedence: then these records are dropped.
        """
        dropped = 0
        for part in parts:
            for record in part.records:
                rows, width = record.features.shape
                # Load tests are not applications, and records of an earlier schema have other features.
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
    # Each record separately, as in a request: kernels for other batch sizes may round differently.
    return ShadowRow(
        drawn.chain_id,
        drawn.sequence,
        drawn.recorded_at,
        version.manifest.model_version,
        version.sha256,
        version.engine.score(drawn.features),
    )
