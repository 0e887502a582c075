"""The answers and decisions of a month with what is known of their outcomes: all SQL of the check of groups."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg2.extensions import connection as Connection

from fraud.features import FEATURE_COUNT
from fraud.review_policy import SignedPolicy, signed_policies
from fraud.review_policy_table import read_journal
from fraud.statistics.design_weights import design_weights
from fraud.stored_attributes import read_attributes
from jenkins.drift.groups.months import UNKNOWN, LoggedMonth, Month, MonthAnswers
from serve.audit.review_borders import signed_policy
from serve.scoring.asks import policy_on_record

MOST_ANSWERS: Final = 1_000_000
"""In a month with more, requests are drawn by their hash until about this number is left."""
PAGE_REQUESTS: Final = 500

_NUMBER: Final = """
    SELECT coalesce(sum(cardinality(probabilities)), 0)::bigint FROM prediction_requests
    WHERE received_at >= %(since)s AND received_at < %(until)s AND NOT load_test
"""
# Three bytes of a SHA-256 are as good as drawn, and the same whoever looks again.
_ANSWERS: Final = """
    SELECT features, probabilities, application_ids, model_version, endpoint, request_id, received_at
    FROM prediction_requests
    WHERE received_at >= %(since)s AND received_at < %(until)s AND NOT load_test
        AND (get_byte(hash, 0) * 65536 + get_byte(hash, 1) * 256 + get_byte(hash, 2)) < %(share)s * 16777216
    ORDER BY received_at, chain_id, sequence
"""
_LABELS: Final = """
    SELECT application_id, coalesce(known."Divorce", outcome."Divorce"),
        CASE WHEN known."Divorce" IS NULL THEN outcome.looked_at_probability ELSE 1 END
    FROM unnest(%(ids)s::text[]) AS application_id
    LEFT JOIN outcomes_known(coalesce(%(known_before)s::timestamptz, 'infinity')) AS outcome USING (application_id)
    LEFT JOIN divorce_predictions AS known USING (application_id)
    WHERE coalesce(known."Divorce", outcome."Divorce") IS NOT NULL
"""


def read_month(
    connection: Connection, month: Month, known_before: dt.datetime | None = None, most: int = MOST_ANSWERS
) -> LoggedMonth:
    """The month's answers, the last one of each application whose id is known; load tests and erased rows are none.

    The reviewed applications follow from probability and policy. The control sample is drawn from all groups alike, so
    it says nothing about whom the model suspects.

    Raises:
        PolicyError, AuditError: a decision does not follow from a policy that was signed and in force.
        DatabaseError, psycopg2.Error: PostgreSQL does not answer, or refuses.
    """
    span: dict[str, Any] = {"since": month.since, "until": month.until}
    with connection.cursor() as cursor:
        cursor.execute(_NUMBER, span)
        (answered,) = cursor.fetchone() or (0,)
    rows = _Rows(signed_policies(read_journal(connection)))
    with connection.cursor("answers of a month") as cursor:
        cursor.itersize = PAGE_REQUESTS
        cursor.execute(_ANSWERS, span | {"share": min(1.0, most / max(1, answered))})
        for request in cursor:
            rows.add(_Request(*request))
    whole = rows.whole(month, answered)
    decided = np.array([threshold is not None for threshold in rows.thresholds], np.bool_)
    with_what_is_known = partial(_with_what_is_known, connection, known_before)
    return LoggedMonth(
        with_what_is_known(whole, rows.ids, _last_of_each(rows.ids, np.ones_like(decided))),
        with_what_is_known(rows.decided(whole), rows.ids, _last_of_each(rows.ids, decided)),
    )


class _Request(NamedTuple):
    features: list[float | None]
    probabilities: list[float]
    application_ids: list[str | None] | None
    model_version: int
    endpoint: str
    request_id: str
    received_at: dt.datetime


@dataclass(slots=True)
class _Rows:
    """What was read so far."""

    policies: Sequence[SignedPolicy]
    features: list[NDArray[np.float32]] = field(default_factory=list)
    probabilities: list[NDArray[np.float32]] = field(default_factory=list)
    ids: list[str | None] = field(default_factory=list)
    thresholds: list[np.float32 | None] = field(default_factory=list)
    """Of the policy that decided; None where nothing was."""
    versions: set[int] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    """Policies, by their ids."""

    def add(self, request: _Request) -> None:
        """A request; its rows may be narrower than ours, from before a feature was added."""
        number = len(request.probabilities)
        if number == 0:
            return
        width = len(request.features) // number
        # NULL is erased; a feature that was missing is NaN.
        kept = [row for row in range(number) if request.features[row * width] is not None]
        matrix = np.full((number, FEATURE_COUNT), np.nan, np.float32)
        matrix[:, :width] = np.array(request.features, np.float32).reshape(number, width)[:, :FEATURE_COUNT]
        self.features.append(matrix[kept])
        self.probabilities.append(np.array(request.probabilities, np.float32)[kept])
        ids = request.application_ids
        self.ids += [None if ids is None else ids[row] for row in kept]
        self.thresholds += [self._threshold(request)] * len(kept)
        self.versions.add(request.model_version)

    def _threshold(self, request: _Request) -> np.float32 | None:
        name = policy_on_record(request.endpoint)
        if name is None:
            return None
        self.used.add(name)
        return signed_policy(name, self.policies, request.request_id, request.received_at).threshold

    def whole(self, month: Month, answered: int) -> MonthAnswers:
        """All rows, before anything is asked about them."""
        return MonthAnswers(
            month=month,
            x=np.concatenate([np.empty((0, FEATURE_COUNT), np.float32), *self.features]),
            probabilities=np.concatenate([np.empty(0, np.float32), *self.probabilities]),
            labels=np.full(len(self.ids), UNKNOWN, np.int8),
            attributes={},
            versions=tuple(sorted(self.versions)),
            answered=answered,
        )

    def decided(self, whole: MonthAnswers) -> MonthAnswers:
        """The same with who was reviewed; where nothing was decided nobody was."""
        thresholds = np.array([np.inf if one is None else one for one in self.thresholds], np.float32)
        return replace(whole, reviewed=whole.probabilities >= thresholds, policies=tuple(sorted(self.used)))


def _last_of_each(ids: Sequence[str | None], wanted: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Of the rows that are wanted those without an id, and the last one of each id."""
    places = np.flatnonzero(wanted).tolist()
    last = {ids[row]: row for row in places}
    return np.array([row for row in places if ids[row] is None or last[ids[row]] == row], np.intp)


def _with_what_is_known(
    connection: Connection,
    known_before: dt.datetime | None,
    whole: MonthAnswers,
    ids: Sequence[str | None],
    kept: NDArray[np.intp],
) -> MonthAnswers:
    """Some of the rows, with their outcomes and attributes."""
    names = [ids[row] for row in kept]
    labels, looked_at = _labels(connection, names, known_before)
    return replace(
        whole,
        x=whole.x[kept],
        probabilities=whole.probabilities[kept],
        labels=labels,
        attributes=read_attributes(connection, names),
        weights=design_weights(looked_at),
        reviewed=None if whole.reviewed is None else whole.reviewed[kept],
    )


def _labels(
    connection: Connection, ids: Sequence[str | None], known_before: dt.datetime | None
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Of each application, and with which probability its outcome was observed; 1 if nothing is known."""
    with connection.cursor() as cursor:
        named = [name for name in ids if name is not None]
        cursor.execute(_LABELS, {"ids": named, "known_before": known_before})
        known: dict[str | None, tuple[int, float]] = {name: (label, likely) for name, label, likely in cursor}
    found = [known.get(name, (UNKNOWN, 1.0)) for name in ids]
    return np.array([label for label, _ in found], np.int8), np.array([likely for _, likely in found], np.float64)
