"""A log of a week's applications, made inside PostgreSQL."""

from __future__ import annotations

import datetime as dt
import functools
from typing import Final

import numpy as np
from psycopg2.extensions import connection as Connection

from fraud.features import FEATURE_COUNT
from fraud.reference_profile import PREDICTION, VARIABLES, ReferenceProfile, VariableReference
from fraud.registry import ModelVersion
from fraud.statistics.binning import choose_bins

UNTIL: Final = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
WEEK: Final = dt.timedelta(days=7)
REQUEST_ROWS: Final = 100
POOL: Final = 200
"""Requests that differ; the log repeats them."""
REFERENCE_ROWS: Final = 40_000
SHA256: Final = "ab" * 32
VERSION: Final = ModelVersion("cost", 1, SHA256, dt.date(2020, 1, 1), dt.date(2020, 1, 1), "", {})

_POOL_TABLE: Final = "CREATE TEMPORARY TABLE pool (number integer, features real[], probabilities real[])"
_POOL_ROW: Final = "INSERT INTO pool VALUES (%s, %s, %s)"
_FILL: Final = """
    INSERT INTO prediction_requests
    SELECT '00000000-0000-0000-0000-000000000000', request.number, moment, moment, 'request', '/predict', 'caller',
        1, decode(%(sha256)s, 'hex'), false, NULL, NULL, pool.features, pool.probabilities, '', '', ''
    FROM (
        SELECT number, %(since)s + (number - 1) * (%(until)s - %(since)s) / %(requests)s::float8 AS moment
        FROM generate_series(1, %(requests)s) AS number
    ) AS request
    JOIN pool ON pool.number = request.number %% %(pool)s
"""


def draw(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features [rows, 10] and probabilities [rows] of one population."""
    generator = np.random.default_rng(seed)
    features = generator.lognormal(8, 1, (rows, FEATURE_COUNT)).astype(np.float32)
    return features, generator.beta(1, 9, rows).astype(np.float32)


@functools.cache
def reference() -> ReferenceProfile:
    """The profile of that population."""
    features, probabilities = draw(REFERENCE_ROWS, 1)
    variables = []
    for number, name in enumerate(VARIABLES):
        values = probabilities if name == PREDICTION else features[:, number]
        bins = choose_bins(values)
        plain = bins.to_plain()
        counts = bins.count(values).tolist()
        variables.append(VariableReference(name, plain["thresholds"], plain["kinds"], counts, None, None))
    divorces = [count // 10 for count in variables[-1].counts]
    day = dt.date(2020, 1, 1)
    return ReferenceProfile(SHA256, day, day, day, REFERENCE_ROWS, sum(divorces), 0, 0, variables, divorces)


def fill(connection: Connection, applications: int) -> None:
    """Replace the log by one of this number of applications, evenly spread over the week before `UNTIL`."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE prediction_requests, drift_hours")
        cursor.execute("SELECT make_prediction_partition(%s)", (UNTIL - WEEK,))
        cursor.execute("DROP TABLE IF EXISTS pool")
        cursor.execute(_POOL_TABLE)
        for number in range(POOL):
            features, probabilities = draw(REQUEST_ROWS, number + 2)
            cursor.execute(_POOL_ROW, (number, features.ravel().tolist(), probabilities.tolist()))
        facts = {"sha256": SHA256, "since": UNTIL - WEEK, "until": UNTIL}
        cursor.execute(_FILL, facts | {"requests": applications // REQUEST_ROWS, "pool": POOL})
    connection.commit()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE prediction_requests")
    connection.commit()
