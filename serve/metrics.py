"""Prometheus metrics, summed over the server processes.

Each process counts in files of its own (`prometheus_client`'s multi-process mode, which the supervisor switches on by
an environment variable), so that whichever process answers `/metrics` tells of all of them.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

METRICS_DIR_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
LATENCY_BUCKETS_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """The counters that routes write and `/metrics` shows."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.requests = Counter(
            "scoring_requests_total", "requests to the scoring routes", ["endpoint", "status"], registry=registry
        )
        self.rows = Counter("scoring_rows_total", "rows scored", ["endpoint"], registry=registry)
        self.latency = Histogram(
            "scoring_seconds",
            "time from the first byte of a body to its answer",
            ["endpoint"],
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.rows_in_flight = Gauge(
            "rows_in_flight", "rows decoded and not answered yet", multiprocess_mode="livesum", registry=registry
        )
        self.body_bytes_in_flight = Gauge(
            "body_bytes_in_flight",
            "bytes of bodies received and not answered yet",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.model_version = Gauge("model_version", "version in charge", multiprocess_mode="livemax", registry=registry)

        # Finding a counter by its labels costs more than counting.
        self._requests_of = cache(self.requests.labels)
        self._rows_of = cache(self.rows.labels)
        self._latency_of = cache(self.latency.labels)

    def answered(self, endpoint: str, rows: int, seconds: float) -> None:
        """A request was scored."""
        self._requests_of(endpoint, "200").inc()
        self._rows_of(endpoint).inc(rows)
        self._latency_of(endpoint).observe(seconds)

    def refused(self, endpoint: str, status: int) -> None:
        """A request got an error instead of probabilities."""
        self._requests_of(endpoint, str(status)).inc()

    @staticmethod
    def exposition() -> bytes:
        """All processes' metrics in Prometheus's text format."""
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
