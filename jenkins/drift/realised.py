"""What came true of the answers of each month: how well they were ordered, and whether as many divorced as was said."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from psycopg2.extensions import connection as Connection

from fraud.statistics.design_weights import effective_size, weighted_mean
from fraud.statistics.interval import Interval
from fraud.statistics.inverse_probability import looked_at_average_precision
from fraud.statistics.reliability import share_interval

MONTHS: Final = 13
"""A year, and the month of the year before."""

_LABELLED: Final = """
    SELECT date_trunc('month', "Date")::date, array_agg(probability), array_agg("Divorce"),
        array_agg(looked_at_probability)
    FROM labelled_predictions_known(coalesce(%(known_before)s::timestamptz, 'infinity'))
    WHERE "Date" < %(before)s AND "Date" >= %(since)s
    GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class RealisedMonth:
    """Logged applications of a month whose outcome is known, as all applications: weighted by 1 / the probability that
    each was looked at.
    """

    month: str
    """As in 2026-04."""
    labelled: int
    divorced: int
    average_precision: Interval | None
    """With its 95% interval; None where all or none divorced."""
    predicted: float
    """Mean of the probabilities that were answered."""
    happened: Interval
    """Share that divorced, with its 95% interval."""


def realised_months(
    connection: Connection, before: dt.date, known_before: dt.datetime | None = None
) -> tuple[RealisedMonth, ...]:
    """The months before a day, on which labels begin to count; the newest last. A month without labels is left out.

    Outcomes that were recorded from `known_before` on are unknown; None: none of them.

    Raises:
        psycopg2.Error: PostgreSQL does not answer, or refuses.
    """
    since = (before.replace(day=1) - dt.timedelta(days=31 * (MONTHS - 1))).replace(day=1)
    with connection.cursor() as cursor:
        cursor.execute(_LABELLED, {"before": before, "since": since, "known_before": known_before})
        return tuple(
            realised_month(f"{month:%Y-%m}", np.array(scores, np.float32), np.array(labels), np.array(looked_at))
            for month, scores, labels, looked_at in cursor.fetchall()
        )


def realised_month(
    month: str, scores: NDArray[np.floating], labels: NDArray[np.integer], looked_at: NDArray[np.floating]
) -> RealisedMonth:
    """Of N > 0 labelled applications: probabilities [N], labels 0 or 1 [N], and how likely each was looked at [N]."""
    weights = 1 / looked_at.astype(np.float64)
    share, rows = weighted_mean(labels, weights), effective_size(weights)
    divorced = int(labels.sum())
    is_ordered = 0 < divorced < labels.size
    return RealisedMonth(
        month=month,
        labelled=labels.size,
        divorced=divorced,
        average_precision=looked_at_average_precision(labels, scores, looked_at) if is_ordered else None,
        predicted=weighted_mean(scores, weights),
        happened=share_interval(share * rows, rows),
    )
