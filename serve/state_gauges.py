"""Gauges at `/metrics`: the state of a server process, as opposed to counts."""

from __future__ import annotations

import platform
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from fraud.schema_version import NEWEST_VERSION
from serve.engine import Engine
from serve.engine.plan import LARGEST_ROWS

KERNELS: Final = ("forest", "onnxruntime")


class StateGauges:
    """The gauges of one process; `/metrics` sums them over all processes, or takes the largest."""

    def __init__(self, version: str, certificate_ends_at_s: float | None) -> None:
        """`certificate_ends_at_s`: expiry of the server's TLS certificate, seconds since 1970; None without TLS."""
        self.registry = CollectorRegistry()
        self.rows_in_flight = self._gauge("scoring_rows_in_flight", "rows decoded but not answered yet", "livesum")
        self.body_bytes_in_flight = self._gauge(
            "scoring_body_in_flight_bytes", "bytes of bodies received but not answered yet", "livesum"
        )
        self.connections = self._gauge("scoring_connections_open", "open client connections", "livesum")
        self.model_version = self._gauge("scoring_model_version", "active version; 0 = none")
        self.model_unconfirmed = self._gauge(
            "scoring_model_unconfirmed_seconds",
            "time since the registry last confirmed that the active version is in production",
        )
        self._engine = self._gauge(
            "scoring_engine_chosen",
            "1 = this kernel scores batches of up to this number of rows",
            "livemax",
            "largest_rows",
            "kernel",
        )
        self._shown: Engine | None = None
        build = self._gauge(
            "scoring_build_info", "versions of server, schema and Python", "livemax", "version", "schema", "python"
        )
        build.labels(version, str(NEWEST_VERSION), platform.python_version()).set(1)
        if certificate_ends_at_s is not None:
            self._gauge(
                "scoring_certificate_end_timestamp_seconds", "when the certificate of this server ends", "livemin"
            ).set(certificate_ends_at_s)

    def show_engine(self, engine: Engine) -> None:
        """Show which kernel scores batches of which size."""
        if engine is self._shown:
            return
        for largest in LARGEST_ROWS:
            chosen = engine.kernel_for(largest)
            for kernel in KERNELS:
                self._engine.labels("any" if largest is None else str(largest), kernel).set(kernel == chosen)
        self._shown = engine

    def _gauge(self, name: str, text: str, mode: str = "livemax", *labels: str) -> Gauge:
        return Gauge(name, text, labels, multiprocess_mode=mode, registry=self.registry)  # type: ignore[arg-type]
