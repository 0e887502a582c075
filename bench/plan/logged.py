"""Logged applications of the last weeks: their features and days."""

from __future__ import annotations

import datetime as dt
from typing import Final

import numpy as np
import psycopg2
from numpy.typing import NDArray

from fraud.database import connect
from fraud.errors import DatabaseError
from fraud.features import FEATURE_COUNT
from fraud.foreign_errors import postgres_words

# An application that was scored again counts once, as it was answered last. Of one that carried no id nobody can tell.
# Erased rows are none, nor are those from before a feature was declared.
_ROWS: Final = """
    SELECT DISTINCT ON (name) (request.received_at AT TIME ZONE 'UTC')::date,
        matrix.elements[%(width)s * (answer.place - 1) + 1 : %(width)s * answer.place],
        coalesce('i' || answer.application_id, request.chain_id || ' ' || request.sequence || ' ' || answer.place)
            COLLATE "C" AS name
    FROM public.prediction_requests AS request
    CROSS JOIN LATERAL (SELECT request.features || '{}'::real[] AS elements OFFSET 0) AS matrix
    CROSS JOIN LATERAL unnest(request.probabilities, request.application_ids)
        WITH ORDINALITY AS answer (probability, application_id, place)
    WHERE request.received_at >= %(since)s AND request.received_at < %(until)s AND NOT request.load_test
        AND cardinality(request.features) = %(width)s * cardinality(request.probabilities)
        AND matrix.elements[%(width)s * answer.place] IS NOT NULL
    ORDER BY name, request.received_at DESC, answer.place DESC
"""


def logged_applications(dsn: str, since: dt.date, until: dt.date) -> tuple[NDArray[np.float32], NDArray[np.datetime64]]:
    """Features [N, F] and days [N] of the applications answered from the day `since` to before the day `until`, UTC.

    Raises:
        DatabaseError: PostgreSQL does not answer, or refuses.
    """
    bounds = {name: f"{day.isoformat()} 00:00:00+00" for name, day in (("since", since), ("until", until))}
    try:
        with connect(dsn, application_name="plan") as connection, connection.cursor() as cursor:
            cursor.execute(_ROWS, {"width": FEATURE_COUNT, **bounds})
            rows = cursor.fetchall()
    except psycopg2.Error as error:
        raise DatabaseError(f"the log can't be read: {postgres_words(error)}") from error
    features = np.array([values for _, values, _ in rows], np.float32).reshape(-1, FEATURE_COUNT)
    return np.ascontiguousarray(features), np.array([day for day, _, _ in rows], "datetime64[D]")
