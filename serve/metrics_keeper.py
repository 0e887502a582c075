"""Periodically writes the counters and gauges of a server process."""

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
    """The objects that are measured, and the metrics they are written to."""

    metrics: Metrics
    gauges: StateGauges
    model: ServingModel
    access: AccessControl
    admission: Admission
    connections: OpenConnections
    threads: ThreadQueue
    watches_registry: bool
    """Whether this process polls the registry for all processes."""

    async def run(self) -> None:
        """Update the metrics until cancelled."""
        while True:
            try:
                self.note()
            except OSError as error:
                # The files can't grow on a full disk; that must not stop requests from being answered.
                logger.warning("metrics can't be written: %s", error)
            due_at = time.perf_counter() + FLUSH_INTERVAL_S
            await asyncio.sleep(FLUSH_INTERVAL_S)
            self.metrics.loop_lag.observe(max(0.0, time.perf_counter() - due_at))

    def note(self) -> None:
        """Write the current state."""
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
            return  # no model is served yet
        self.gauges.show_engine(engine)
