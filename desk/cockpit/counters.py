"""What all server processes count in the files that they share."""

from __future__ import annotations

import math

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector


class Counters(msgspec.Struct, frozen=True):
    """Since the server started, and what waits now."""

    answered: int
    refused: int
    rows: int
    mean_ms: float | None
    """From the first byte of a body to its answer; None where nothing was answered."""
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
    return Counters(
        answered=round(answered),
        refused=round(total("scoring_requests_total") - answered),
        rows=round(total("scoring_rows_total")),
        mean_ms=1000 * total("scoring_seconds_sum") / answered if answered else None,
        waiting_records=round(total("prediction_log_waiting_records")),
        oldest_s=total("prediction_log_oldest_seconds"),
    )
