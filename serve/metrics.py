"""Prometheus metrics, summed over the server processes.

Each process counts in files of its own (`prometheus_client`'s multi-process mode, which the supervisor switches on by
an environment variable), so that any process can answer `/metrics` for all of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter as Counts
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from fraud.features import FEATURE_NAMES
from serve.process_metrics import ServerProcesses
from serve.scoring.plausibility import ImplausibleValues

METRICS_DIR_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
LATENCY_BUCKETS_S: Final = (
    *(0.000025, 0.00005, 0.0001, 0.00015, 0.0002, 0.0003, 0.0005),
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)
"""A single row takes some 0.2 ms: most edges are around that."""
WAIT_BUCKETS_S: Final = (0.0001, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0)
OTHER_BUCKETS_S: Final = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0)
FLUSH_INTERVAL_S: Final = 0.5


@dataclass(slots=True)
class Answered:
    """Requests to one endpoint that were answered since the last flush."""

    requests: int = 0
    rows: int = 0
    seconds: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_BUCKETS_S) + 1))


@dataclass(frozen=True, slots=True)
class Totals:
    """What all server processes have counted since the server started."""

    answered: int
    refused: int
    """Requests answered with an error instead of probabilities."""
    rows: int
    """Rows of the answered requests."""
    seconds: float
    """Total time from the first byte of a body to its answer, over the answered requests."""


class BulkHistogram(Histogram):
    """A histogram that adds many observations at once."""

    def observe_many(self, buckets: Sequence[int], total: float) -> None:
        """Add counts to each bucket, and the sum of the observations."""
        self._sum.inc(total)
        for bucket, count in zip(self._buckets, buckets, strict=True):
            if count:
                bucket.inc(count)


class Metrics:
    """The counters that routes update and `/metrics` exports."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "scoring_requests_total", "requests to the scoring routes", ["endpoint", "status"], registry=registry
        )
        self.rows = Counter("scoring_rows_total", "rows scored", ["endpoint"], registry=registry)
        self.latency = BulkHistogram(
            "scoring_request_duration_seconds",
            "time from the first byte of a body to its answer",
            ["endpoint"],
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.thread_waits = Histogram(
            "scoring_thread_wait_seconds",
            "time that large requests waited for a thread",
            buckets=WAIT_BUCKETS_S,
            registry=registry,
        )
        self.loop_lag = Histogram(
            "scoring_event_loop_lag_seconds",
            "delay of the event loop, measured twice a second: small requests wait that long",
            buckets=WAIT_BUCKETS_S,
            registry=registry,
        )
        self.other_requests = Counter(
            "scoring_other_requests_total",
            "requests that the framework answered, by group of addresses",
            ["group", "status"],
            registry=registry,
        )
        self.other_latency = Histogram(
            "scoring_other_request_duration_seconds",
            "time until the framework began its answer",
            ["group"],
            buckets=OTHER_BUCKETS_S,
            registry=registry,
        )
        self.failed_logins = failed_logins(registry)
        self.implausible_values = Counter(
            "scoring_implausible_values_total",
            "values that were scored but are implausible",
            ["feature"],
            registry=registry,
        )
        for name in FEATURE_NAMES:
            self.implausible_values.labels(name)
        self.implausible = ImplausibleValues()

        self._answered: dict[str, Answered] = {}
        self._refused: Counts[tuple[str, int]] = Counts()

    def answered(self, endpoint: str, rows: int, seconds: float) -> None:
        """Count a scored request. Call it on the event loop; `flush` writes the counts."""
        try:
            tally = self._answered[endpoint]
        except KeyError:
            tally = self._answered[endpoint] = Answered()
        tally.requests += 1
        tally.rows += rows
        tally.seconds += seconds
        tally.buckets[bisect_left(LATENCY_BUCKETS_S, seconds)] += 1

    def refused(self, endpoint: str, status: int) -> None:
        """Count a request that was answered with an error. Call it on the event loop."""
        self._refused[endpoint, status] += 1

    def other_answered(self, group: str, status: int, seconds: float) -> None:
        """Count an answer by the framework, and the time from the request's start to the answer's start."""
        self.other_requests.labels(group, str(status)).inc()
        self.other_latency.labels(group).observe(seconds)

    def flush(self) -> None:
        """Write the counts since the last call to the files: writing takes longer than scoring a row, so it is
        batched.
        """
        answered, self._answered = self._answered, {}
        refused, self._refused = self._refused, Counts()
        for endpoint, tally in answered.items():
            self.requests.labels(endpoint, "200").inc(tally.requests)
            self.rows.labels(endpoint).inc(tally.rows)
            self.latency.labels(endpoint).observe_many(tally.buckets, tally.seconds)
        for name, count in zip(FEATURE_NAMES, self.implausible.take(), strict=True):
            if count:
                self.implausible_values.labels(name).inc(count)
        for (endpoint, status), count in refused.items():
            self.requests.labels(endpoint, str(status)).inc(count)

    def exposition(self) -> bytes:
        """Metrics of all processes in Prometheus's text format; those of other processes may be `FLUSH_INTERVAL_S`
        old.
        """
        registry = self._of_all_processes()
        registry.register(ServerProcesses())
        return generate_latest(registry)

    def totals(self) -> Totals:
        """The sums over all scoring routes; those of other processes may be `FLUSH_INTERVAL_S` old."""
        samples = [sample for family in self._of_all_processes().collect() for sample in family.samples]

        def total(name: str, *, answered: bool | None = None) -> float:
            ours = (sample for sample in samples if sample.name == name)
            return sum(s.value for s in ours if answered is None or (s.labels["status"] == "200") is answered)

        return Totals(
            answered=int(total("scoring_requests_total", answered=True)),
            refused=int(total("scoring_requests_total", answered=False)),
            rows=int(total("scoring_rows_total")),
            seconds=total("scoring_request_duration_seconds_sum"),
        )

    def _of_all_processes(self) -> CollectorRegistry:
        self.flush()
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return registry


def failed_logins(registry: CollectorRegistry) -> Counter:
    """The counter of failed logins, shared by the server's processes and the desk."""
    return Counter("scoring_failed_logins_total", "logins that were refused", ["kind"], registry=registry)
