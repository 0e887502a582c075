"""Writes down now and then, in each server process, what was counted and what is a state."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass

from serve.access.control import AccessControl
from serve.errors import ServeError
from serve.http.open_connections import OpenConnections
from serve.metrics import FLUSH_INTERVAL_S, Metrics
from serve.model.serving_model import ServingModel
from serve.overload.in_flight import Admission
from serve.overload.thread_queue import ThreadQueue
from serve.state_gauges import StateGauges

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MetricsKeeper:
    """What is looked at, and where it is written down."""

    metrics: Metrics
    gauges: StateGauges
    model: ServingModel
    access: AccessControl
    admission: Admission
    connections: OpenConnections
    threads: ThreadQueue
    watches_registry: bool
    """Whether this process keeps up with the registry for all of them."""

    async def run(self) -> None:
        """Keep them, for ever."""
        while True:
            try:
                self.note()
            except OSError as error:
                # Their files may not grow on a full disk; that must not keep anybody from an answer.
                logger.warning("metrics can't be written: %s", error)
            due_at = time.perf_counter() + FLUSH_INTERVAL_S
            await asyncio.sleep(FLUSH_INTERVAL_S)
            self.metrics.loop_lag.observe(max(0.0, time.perf_counter() - due_at))

    def note(self) -> None:
        """Write it down as it is now."""
        self.metrics.flush()
        for kind, failures in self.access.take_failures().items():
            self.metrics.failed_logins.labels(kind).inc(failures)
        for wait_s in self.threads.take_waits_s():
            self.metrics.thread_waits.observe(wait_s)
        self.gauges.rows_in_flight.set(self.admission.rows)
        self.gauges.body_bytes_in_flight.set(self.admission.body_bytes)
        self.gauges.connections.set(len(self.connections))
        self.gauges.model_version.set(self.model.version or 0)
        if self.watches_registry:
            self.gauges.model_unconfirmed.set(self.model.unconfirmed_s)
        try:
            engine = self.model.active.engine
        except ServeError:
            return  # nothing is served, and no engine is in charge
        self.gauges.show_engine(engine)
