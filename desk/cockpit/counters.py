"""Counters of all server processes, from the files that they share."""

from __future__ import annotations

import math
from collections import defaultdict

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector


class Counters(msgspec.Struct, frozen=True):
    """Since the server started, and what waits now."""

    answered: int
    refused: int
    rows: int
    buckets: tuple[int, ...]
    """Answered requests by time from the first byte of a body to the answer, as `LATENCY_BUCKETS_S` and beyond; empty
    where nothing was answered."""
    waiting_records: int
    """Not in the database yet."""
    oldest_s: float
    """Age of the oldest of them."""


def read_counters() -> Counters:
    """As they are now."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    samples = [sample for family in registry.collect() for sample in family.samples]

    def total(name: str) -> float:
        return math.fsum(sample.value for sample in samples if sample.name == name)

    requests = [sample for sample in samples if sample.name == "scoring_requests_total"]
    answered = math.fsum(sample.value for sample in requests if sample.labels["status"] == "200")
    up_to: defaultdict[float, float] = defaultdict(float)
    for sample in samples:
        if sample.name == "scoring_request_duration_seconds_bucket":
            up_to[float(sample.labels["le"])] += sample.value
    return Counters(
        answered=round(answered),
        refused=round(total("scoring_requests_total") - answered),
        rows=round(total("scoring_rows_total")),
        buckets=_each([up_to[edge] for edge in sorted(up_to)]),
        waiting_records=round(total("scoring_prediction_log_waiting_records")),
        oldest_s=total("scoring_prediction_log_oldest_record_seconds"),
    )


def _each(up_to: list[float]) -> tuple[int, ...]:
    """What is in each bucket, of what is in it and all before."""
    return tuple(round(upper - lower) for lower, upper in zip([0.0, *up_to], up_to, strict=False))
