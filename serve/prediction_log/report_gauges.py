"""The last result and time of each kind of check, for `/metrics`: polled from the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Gauge
from psycopg2.extensions import cursor as Cursor

from fraud.report.stored import ReportKind
from fraud.verdict import Verdict

_NEWEST: Final = """
    SELECT DISTINCT ON (kind) kind, extract(epoch FROM made_at)::float8, verdict
    FROM public.reports WHERE kind = ANY (%s) ORDER BY kind, number DESC
"""


@dataclass(frozen=True, slots=True)
class ReportState:
    """The newest report of a kind."""

    kind: str
    made_at_s: float
    """Since 1970."""
    verdict: str


def read_report_states(cursor: Cursor) -> Sequence[ReportState]:
    """The newest reports of the kinds that have any; raises psycopg2.Error if PostgreSQL does not
    answer, or refuses.
    """
    cursor.execute(_NEWEST, (list(ReportKind),))
    return [ReportState(*row) for row in cursor.fetchall()]


class ReportGauges:
    """The states as metrics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._made_at = self._gauge(
            "scoring_report_made_timestamp_seconds", "when the newest report of a kind was made", "report"
        )
        self._verdict = self._gauge(
            "scoring_report_verdict", "1 = verdict of the newest report of a kind", "report", "verdict"
        )

    def show(self, states: Sequence[ReportState]) -> None:
        """Write the states; past verdicts are 0."""
        for state in states:
            self._made_at.labels(state.kind).set(state.made_at_s)
            for verdict in Verdict:
                self._verdict.labels(state.kind, verdict).set(verdict == state.verdict)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, multiprocess_mode="livemostrecent", registry=self.registry)
