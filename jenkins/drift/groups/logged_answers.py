"""The answers of a month with what is known of their outcomes: all SQL of the check of groups."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from psycopg2.extensions import connection as Connection

from fraud.features import FEATURE_COUNT
from fraud.statistics.design_weights import design_weights
from fraud.stored_attributes import read_attributes
from jenkins.drift.groups.months import UNKNOWN, Month, MonthAnswers

MOST_ANSWERS: Final = 1_000_000
"""Of a month with more, requests are drawn by their hash until about so many are left."""
PAGE_REQUESTS: Final = 500

_NUMBER: Final = """
    SELECT coalesce(sum(cardinality(probabilities)), 0)::bigint FROM prediction_requests
    WHERE received_at >= %(since)s AND received_at < %(until)s AND NOT load_test
"""
# Three bytes of a SHA-256 are as good as drawn, and the same whoever looks again.
_ANSWERS: Final = """
    SELECT features, probabilities, application_ids, model_version FROM prediction_requests
    WHERE received_at >= %(since)s AND received_at < %(until)s AND NOT load_test
        AND (get_byte(hash, 0) * 65536 + get_byte(hash, 1) * 256 + get_byte(hash, 2)) < %(share)s * 16777216
    ORDER BY received_at, chain_id, sequence
"""
_LABELS: Final = """
    SELECT application_id, coalesce(known."Divorce", outcome."Divorce"),
        CASE WHEN known."Divorce" IS NULL THEN outcome.looked_at_probability ELSE 1 END
    FROM unnest(%s::text[]) AS application_id
    LEFT JOIN application_outcomes AS outcome USING (application_id)
    LEFT JOIN divorce_predictions AS known USING (application_id)
    WHERE coalesce(known."Divorce", outcome."Divorce") IS NOT NULL
"""


def read_month(connection: Connection, month: Month, most: int = MOST_ANSWERS) -> MonthAnswers:
    """The month's answers, the last one of each application whose id is known; load tests and erased rows are none.

    Raises:
        DatabaseError, psycopg2.Error: PostgreSQL does not answer, or refuses.
    """
    span: dict[str, Any] = {"since": month.since, "until": month.until}
    with connection.cursor() as cursor:
        cursor.execute(_NUMBER, span)
        (answered,) = cursor.fetchone() or (0,)
    rows = _Rows()
    with connection.cursor("answers of a month") as cursor:
        cursor.itersize = PAGE_REQUESTS
        cursor.execute(_ANSWERS, span | {"share": min(1.0, most / max(1, answered))})
        for request in cursor:
            rows.add(*request)
    kept = rows.last_of_each()
    ids = [rows.ids[row] for row in kept]
    labels, looked_at = _labels(connection, ids)
    return MonthAnswers(
        month=month,
        x=np.concatenate([np.empty((0, FEATURE_COUNT), np.float32), *rows.features])[kept],
        probabilities=np.concatenate([np.empty(0, np.float32), *rows.probabilities])[kept],
        labels=labels,
        attributes=read_attributes(connection, ids),
        versions=tuple(sorted(rows.versions)),
        answered=answered,
        weights=design_weights(looked_at),
    )


@dataclass(slots=True)
class _Rows:
    """What was read so far."""

    features: list[NDArray[np.float32]] = field(default_factory=list)
    probabilities: list[NDArray[np.float32]] = field(default_factory=list)
    ids: list[str | None] = field(default_factory=list)
    versions: set[int] = field(default_factory=set)

    def add(
        self, features: list[float | None], probabilities: list[float], ids: list[str | None] | None, version: int
    ) -> None:
        """A request; its rows may be narrower than ours, from before a feature was added."""
        number = len(probabilities)
        if number == 0:
            return
        width = len(features) // number
        # NULL is erased; a feature that was missing is NaN.
        kept = [row for row in range(number) if features[row * width] is not None]
        matrix = np.full((number, FEATURE_COUNT), np.nan, np.float32)
        matrix[:, :width] = np.array(features, np.float32).reshape(number, width)[:, :FEATURE_COUNT]
        self.features.append(matrix[kept])
        self.probabilities.append(np.array(probabilities, np.float32)[kept])
        self.ids += [None if ids is None else ids[row] for row in kept]
        self.versions.add(version)

    def last_of_each(self) -> NDArray[np.intp]:
        """Rows without an id, and the last one of each id."""
        last = {name: row for row, name in enumerate(self.ids)}
        return np.array([row for row, name in enumerate(self.ids) if name is None or last[name] == row], np.intp)


def _labels(connection: Connection, ids: list[str | None]) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Of each application, and how likely it was to be looked at; 1 where nothing is known."""
    with connection.cursor() as cursor:
        cursor.execute(_LABELS, ([name for name in ids if name is not None],))
        known: dict[str | None, tuple[int, float]] = {name: (label, likely) for name, label, likely in cursor}
    found = [known.get(name, (UNKNOWN, 1.0)) for name in ids]
    return np.array([label for label, _ in found], np.int8), np.array([likely for _, likely in found], np.float64)
