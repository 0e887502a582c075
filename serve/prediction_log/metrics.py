"""Prometheus metrics of the shipper, beside those of the server processes (`serve/metrics.py`)."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class UpkeepMetrics:
    """Delay of maintenance tasks."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.behind_s = Gauge(
            "scoring_upkeep_behind_seconds",
            "time since a maintenance task is overdue; 0 = it is done",
            ["task"],
            multiprocess_mode="livemostrecent",
            registry=registry,
        )
        self.done_at_s = Gauge(
            "scoring_upkeep_done_timestamp_seconds",
            "when a maintenance task was done last",
            ["task"],
            multiprocess_mode="livemostrecent",
            registry=registry,
        )

    def tell(self, task: str, behind_s: float) -> None:
        """Note for how long a task has been due, seconds; 0: it was done just now."""
        self.behind_s.labels(task).set(behind_s)
        if behind_s == 0.0:
            self.done_at_s.labels(task).set_to_current_time()


class LogMetrics:
    """Depth and age of the spool, and its throughput."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(name, text, multiprocess_mode="livemostrecent", registry=registry)

        self.spool_bytes = gauge("scoring_prediction_log_spool_bytes", "size of the spool on disk")
        self.spool_limit_bytes = gauge(
            "scoring_prediction_log_spool_limit_bytes", "size limit of the spool, beyond which requests are refused"
        )
        self.waiting_records = gauge("scoring_prediction_log_waiting_records", "records not in the database yet")
        self.oldest_s = gauge(
            "scoring_prediction_log_oldest_record_seconds", "age of the oldest waiting record; 0 = none waits"
        )
        self.upkeep = UpkeepMetrics(registry)
        self.shipped = Counter(
            "scoring_prediction_log_shipped_records_total", "records written to the database", registry=registry
        )
        self.failures = Counter(
            "scoring_prediction_log_shipping_failures_total", "failed attempts to write", registry=registry
        )
