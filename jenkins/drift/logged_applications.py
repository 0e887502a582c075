"""What was logged, as counts in the bins of one version: all SQL that reads the roll-up and the log.

The version's own answers come from the roll-up, whatever their number. Those of other versions are in other bins, which
can't be added; they are counted again from the log, in the hours that have any: around a promotion, that is.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from psycopg2.extensions import connection as Connection

from fraud.registry import ModelVersion

_OWN: Final = """
    SELECT applications, counts FROM drift_hours
    WHERE model_sha256 = decode(%(sha256)s, 'hex') AND model_version = %(version)s
        AND hour >= %(since)s AND hour < %(until)s
"""
_HOURS_OF_OTHERS: Final = """
    SELECT min(hour), max(hour) + interval '1 hour' FROM drift_hours
    WHERE (model_sha256, model_version) <> (decode(%(sha256)s, 'hex'), %(version)s) AND applications > 0
        AND hour >= %(since)s AND hour < %(until)s
"""
_NUMBER: Final = """
    SELECT coalesce(sum(applications), 0)::bigint FROM drift_hours
    WHERE hour >= %(since)s AND hour < %(until)s
        AND (NOT %(own_only)s OR (model_sha256, model_version) = (decode(%(sha256)s, 'hex'), %(version)s))
"""
_FROM_LOG: Final = """
    SELECT applications, counts
    FROM count_predictions(decode(%(sha256)s, 'hex'), %(version)s, %(whose)s, %(since)s, %(until)s)
"""
_LABELS_BEGIN: Final = """
    SELECT EXISTS (SELECT FROM outcomes_known(coalesce(%(known_before)s::timestamptz, 'infinity')))
        OR EXISTS (SELECT FROM divorce_predictions WHERE "Date" >= %(since)s AND "Date" < %(until)s)
"""
_LABELS: Final = """
    SELECT coalesce(sum(weight), 0), coalesce(sum(weight * weight), 0), coalesce(sum(weight * label), 0) FROM (
        SELECT DISTINCT application_id, coalesce(known."Divorce", outcome."Divorce") AS label,
            CASE WHEN known."Divorce" IS NULL THEN 1 / outcome.looked_at_probability::float8 ELSE 1 END AS weight
        FROM prediction_requests AS request
        CROSS JOIN LATERAL unnest(request.application_ids) AS application_id
        LEFT JOIN outcomes_known(coalesce(%(known_before)s::timestamptz, 'infinity')) AS outcome USING (application_id)
        LEFT JOIN divorce_predictions AS known USING (application_id)
        WHERE request.received_at >= %(since)s AND request.received_at < %(until)s AND NOT request.load_test
            AND request.application_ids IS NOT NULL
    ) AS application
    WHERE label IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Span:
    """Hours from `since` to before `until`, both in UTC."""

    since: dt.datetime
    until: dt.datetime

    def shifted(self, by: dt.timedelta) -> Span:
        """As much later."""
        return Span(self.since + by, self.until + by)


@dataclass(frozen=True, slots=True, eq=False)
class Applications:
    """Applications and their counts, one variable after the other."""

    number: int
    counts: NDArray[np.int64]

    def __add__(self, other: Applications) -> Applications:
        return Applications(self.number + other.number, self.counts + other.counts)


class LoggedApplications:
    """The applications of spans, in the bins of one version.

    Every method may raise psycopg2.Error: PostgreSQL does not answer, or refuses.
    """

    def __init__(
        self, connection: Connection, version: ModelVersion, sizes: list[int], known_before: dt.datetime | None = None
    ) -> None:
        """Remember whose bins to count in; `sizes` says how many each variable has.

        Outcomes that were recorded from `known_before` on are unknown; None: none of them.
        """
        self._connection = connection
        self._version = version
        self._sizes = sizes
        self._known_before = known_before

    def own(self, span: Span) -> Applications:
        """What the version answered."""
        counted = self._add_up(_OWN, span)
        if counted.counts[: self._sizes[0]].sum() == counted.number:
            return counted
        # Some were shipped before the version's bins were here.
        return self._add_up(_FROM_LOG, span, whose="own")

    def others(self, span: Span) -> Applications:
        """What other versions answered; their probabilities are counted too, and mean nothing here."""
        first, end = self._fetch(_HOURS_OF_OTHERS, span)[0]
        if first is None:
            return self._sum([])
        return self._add_up(_FROM_LOG, Span(first, end), whose="others")

    def number(self, span: Span, *, own_only: bool) -> int:
        """How many there are, without a look at them."""
        ((number,),) = self._fetch(_NUMBER, span, own_only=own_only)
        return int(number)

    def labels(self, span: Span) -> tuple[int, int]:
        """Logged applications whose outcome is known, and how many of them divorced.

        Where outcomes stand for others (`looked_at_probability`): as many as would tell equally much if each had the
        same weight (Kish 1965), and the share of divorces is that of all whom they stand for.
        """
        ((any_,),) = self._fetch(_LABELS_BEGIN, span)
        if not any_:
            return 0, 0
        ((weight, squared, divorced),) = self._fetch(_LABELS, span)
        if weight == 0:
            return 0, 0
        effective = weight * weight / squared
        return round(effective), round(effective * divorced / weight)

    def _add_up(self, query: str, span: Span, **values: str) -> Applications:
        return self._sum(self._fetch(query, span, **values))

    def _sum(self, rows: list[tuple[int, list[int] | None]]) -> Applications:
        counts = np.zeros(sum(self._sizes), np.int64)
        for _, some in rows:
            if some is not None:
                counts += np.array(some, np.int64)
        return Applications(sum(number for number, _ in rows), counts)

    # Each query has its own columns.
    def _fetch(self, query: str, span: Span, **values: str | bool) -> list[tuple]:  # type: ignore[type-arg]
        model = {"sha256": self._version.sha256, "version": self._version.version, "known_before": self._known_before}
        with self._connection.cursor() as cursor:
            cursor.execute(query, {**model, "since": span.since, "until": span.until, **values})
            return cursor.fetchall()
