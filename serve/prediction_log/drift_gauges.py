"""The last result of the drift monitor, for `/metrics`: polled from the database, absent until a first check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Gauge
from psycopg2.extensions import cursor as Cursor

_LAST_CHECK: Final = """
    SELECT extract(epoch FROM checked_at)::float8, verdict, coalesce(model_version, 0), windows,
        (SELECT NOT granted FROM retrainings ORDER BY number DESC LIMIT 1)
    FROM drift_checks ORDER BY number DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class DriftState:
    """The last check, and whether the last request for a retraining was refused."""

    checked_at_s: float
    verdict: str
    model_version: int
    psi: Mapping[str, float]
    """PSI by variable, the larger of the windows'."""
    refused: bool


def read_drift_state(cursor: Cursor) -> DriftState | None:
    """Read the last check; None before the first one; raises psycopg2.Error if PostgreSQL does not
    answer, or refuses.
    """
    cursor.execute(_LAST_CHECK)
    row = cursor.fetchone()
    if row is None:
        return None
    psi: dict[str, float] = {}
    for window in row[3]:
        for variable, value in window["psi"].items():
            psi[variable] = max(value, psi.get(variable, 0.0))
    return DriftState(row[0], row[1], row[2], psi, bool(row[4]))


class DriftGauges:
    """The state as metrics; the gauges exist only after the first check."""

    def __init__(self) -> None:
        self._gauges: dict[str, Gauge] = {}
        self.registry = CollectorRegistry()

    def show(self, state: DriftState | None) -> None:
        """Write the state; variables not checked this time, and past verdicts, are 0."""
        if state is None:
            return
        self._gauge(
            "scoring_drift_last_check_timestamp_seconds", "time of the last drift check, seconds since 1970"
        ).set(state.checked_at_s)
        self._gauge("scoring_drift_model_version", "version of the last check").set(state.model_version)
        verdicts = self._gauge("scoring_drift_verdict", "1 = verdict of the last drift check", "verdict")
        for verdict in ("pass", "fail", "inconclusive", "error", "data_quality_fault"):
            verdicts.labels(verdict).set(verdict == state.verdict)
        if state.psi:
            self._gauge("scoring_drift_worst_psi", "largest PSI of the last drift check").set(max(state.psi.values()))
            psi = self._gauge("scoring_drift_psi", "PSI of the last drift check", "variable")
            for variable, value in state.psi.items():
                psi.labels(variable).set(value)
        self._gauge("scoring_drift_retraining_refused", "1 = drift, and the last retraining was refused").set(
            state.refused
        )

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        if name not in self._gauges:
            self._gauges[name] = Gauge(name, text, labels, multiprocess_mode="livemostrecent", registry=self.registry)
        return self._gauges[name]
