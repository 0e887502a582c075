"""Prometheus metrics of the shadow, in the shipper's process."""

from __future__ import annotations

from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge


class Outcome(StrEnum):
    """Outcome of a sampled request."""

    WRITTEN = "written"
    DROPPED = "dropped"
    """Dropped, because the shadow was too slow."""
    NO_MODEL = "no_model"
    """The alias names no version, or none that could be loaded."""
    FAILED = "failed"
    """Scoring or writing failed."""


class ShadowMetrics:
    """Sampled requests by outcome, and the shadow version."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "scoring_shadow_requests_total", "requests sampled for the shadow", ["outcome"], registry=registry
        )
        for outcome in Outcome:
            self.requests.labels(outcome)
        self.faults = Counter(
            "scoring_shadow_faults_total", "faults: no shadow version, or no table", registry=registry
        )
        self.model_version = Gauge(
            "scoring_shadow_model_version",
            "shadow version; 0 = none",
            multiprocess_mode="livemostrecent",
            registry=registry,
        )

    def count(self, outcome: Outcome, requests: int = 1) -> None:
        """Count requests with this outcome."""
        self.requests.labels(outcome).inc(requests)
