"""What the shadow tells Prometheus, from the shipper's process."""

from __future__ import annotations

from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge


class Outcome(StrEnum):
    """What became of a request that was drawn."""

    WRITTEN = "written"
    DROPPED = "dropped"
    """There was more to do than there was time for."""
    NO_MODEL = "no_model"
    """The alias names no version, or none that could be loaded."""
    FAILED = "failed"
    """It could not be scored or written."""


class ShadowMetrics:
    """Requests that were drawn, by what became of them, and the version that shadows."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "scoring_shadow_requests_total", "requests that were drawn for the shadow", ["outcome"], registry=registry
        )
        for outcome in Outcome:
            self.requests.labels(outcome)
        self.faults = Counter(
            "scoring_shadow_faults_total", "times that there was no version to shadow, or no table", registry=registry
        )
        self.model_version = Gauge(
            "scoring_shadow_model_version",
            "version that shadows; 0 = none does",
            multiprocess_mode="livemostrecent",
            registry=registry,
        )

    def count(self, outcome: Outcome, requests: int = 1) -> None:
        """So many requests came to this."""
        self.requests.labels(outcome).inc(requests)
