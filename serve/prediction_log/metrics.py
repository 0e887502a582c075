"""What the shipper tells Prometheus, beside the counters of the server processes (`serve/metrics.py`)."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class LogMetrics:
    """Depth and age of the spool, and what went through it."""

    def __init__(self) -> None:
        registry = CollectorRegistry()

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(name, text, multiprocess_mode="livemostrecent", registry=registry)

        self.spool_bytes = gauge("prediction_log_spool_bytes", "size of the spool on the disk")
        self.waiting_records = gauge("prediction_log_waiting_records", "records that are not in the database yet")
        self.oldest_s = gauge("prediction_log_oldest_seconds", "age of the oldest record that waits; 0 = none does")
        self.upkeep_behind_s = Gauge(
            "prediction_log_upkeep_behind_seconds",
            "time since upkeep beside shipping was due and could not be done; 0 = it is done",
            ["task"],
            multiprocess_mode="livemostrecent",
            registry=registry,
        )
        self.shipped = Counter(
            "prediction_log_shipped_records_total", "records written to the database", registry=registry
        )
        self.failures = Counter(
            "prediction_log_shipping_failures_total", "attempts to write that failed", registry=registry
        )
