"""Requests of one row that PostgreSQL makes itself, with the hashes and the anchors of real ones.

Millions of them through spool and shipper would take hours. What is hashed is written here in SQL once more, so that
`verify` finds any difference from what the server writes.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from fraud.database import connect
from fraud.features import FEATURE_COUNT
from serve.prediction_log.anchor import Anchor
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.chain import microseconds
from tests.serve.prediction_log_rows import execute, fetch

REQUESTS_A_STATEMENT: Final = 250_000
VARIANTS: Final = 1_000
"""Different applications among them."""

PREPARE: Final = """
    CREATE TABLE IF NOT EXISTS narrow_variants (
        number integer PRIMARY KEY, features real[], feature_bytes bytea, probabilities real[], probability_bytes bytea
    );
    CREATE OR REPLACE FUNCTION next_hash(previous bytea, content bytea, before bytea) RETURNS bytea
        IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN sha256(coalesce(previous, before) || content); END';
    CREATE OR REPLACE AGGREGATE chained_hash(content bytea, before bytea) (SFUNC = next_hash, STYPE = bytea);
"""
# MessagePack's integers (github.com/msgpack/msgpack, spec.md): the shortest that holds the number.
FILL: Final = """
    INSERT INTO prediction_requests (
        chain_id, sequence, recorded_at, received_at, request_id, endpoint, caller, model_version, model_sha256,
        load_test, features, probabilities, salt, content_digest, hash
    )
    SELECT %(chain_id)s::uuid, sequence, moment, moment, request_id, '/predict', 'anonymous', 3, %(model)s, false,
        features, probabilities, salt, digest,
        chained_hash(
            digest || substr(int8send(length(facts)), 8) || '\\x00000001000000'::bytea || facts || probability_bytes,
            %(before)s
        ) OVER (ORDER BY sequence)
    FROM (
        SELECT *, sha256(salt || '\\x010000000000000000000000'::bytea || feature_bytes) AS digest,
            '\\x99'::bytea || CASE WHEN sequence < 128 THEN substr(int8send(sequence), 8)
                WHEN sequence < 256 THEN '\\xcc'::bytea || substr(int8send(sequence), 8)
                WHEN sequence < 65536 THEN '\\xcd'::bytea || substr(int8send(sequence), 7)
                ELSE '\\xce'::bytea || substr(int8send(sequence), 5) END
            || '\\xcf'::bytea || time || '\\xcf'::bytea || time || '\\xd920'::bytea || request_id::bytea
            || '\\xa8'::bytea || '/predict'::bytea || '\\xa9'::bytea || 'anonymous'::bytea || '\\x03c420'::bytea
            || %(model)s || '\\xc2'::bytea AS facts
        FROM (
            SELECT sequence, first + interval '1 microsecond' * ((sequence - %(first)s) * %(step_us)s) AS moment,
                int8send(%(first_us)s::bigint + (sequence - %(first)s) * %(step_us)s) AS time,
                lpad(%(name)s || sequence, 32, '0') AS request_id,
                int8send(sequence) || int8send(%(first_us)s::bigint) AS salt,
                narrow_variants.*
            FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS sequence
            CROSS JOIN (SELECT %(first_moment)s::timestamptz AS first) AS begin
            JOIN narrow_variants ON number = sequence %% %(variants)s
        ) AS made
    ) AS content
    ORDER BY sequence
"""


def fill_with_narrow_requests(
    dsn: str, spool: Path, requests: int, first: dt.datetime, step: dt.timedelta, chains: int = 4
) -> list[uuid.UUID]:
    """Have PostgreSQL make so many requests in some chains, each from a moment on, and write their anchors."""
    execute(dsn, PREPARE)
    _make_variants(dsn)
    made = []
    for number in range(chains):
        chain_id = uuid.uuid4()
        end = Anchor()
        count = requests // chains + (number < requests % chains)
        for start in range(1, count + 1, REQUESTS_A_STATEMENT):
            end = _fill(dsn, chain_id, end, min(count, start + REQUESTS_A_STATEMENT - 1), first, step)
        execute(dsn, "INSERT INTO prediction_chains VALUES (%s::uuid, %s, %s)", str(chain_id), end.sequence, end.hash)
        Anchors(spool).write(chain_id, end)
        made.append(chain_id)
    execute(dsn, "DROP AGGREGATE chained_hash(bytea, bytea); DROP FUNCTION next_hash; DROP TABLE narrow_variants")
    return made


def _fill(dsn: str, chain_id: uuid.UUID, end: Anchor, last: int, began_at: dt.datetime, step: dt.timedelta) -> Anchor:
    first = end.sequence + 1
    first_moment = began_at + (first - 1) * step
    execute(dsn, "SELECT make_prediction_partition(%s)", first_moment)
    execute(dsn, "SELECT make_prediction_partition(%s)", first_moment + (last - first) * step)
    _execute(
        dsn,
        FILL,
        {
            "chain_id": str(chain_id),
            "first": first,
            "last": last,
            "first_moment": first_moment,
            "first_us": microseconds(first_moment),
            "step_us": step // dt.timedelta(microseconds=1),
            "model": bytes(range(32)),
            "name": chain_id.hex[:12],
            "before": end.hash,
            "variants": VARIANTS,
        },
    )
    ((found,),) = fetch(
        dsn,
        "SELECT hash FROM prediction_requests WHERE chain_id = %s::uuid ORDER BY sequence DESC LIMIT 1",
        str(chain_id),
    )
    return Anchor(sequence=last, hash=bytes(found))


def _execute(dsn: str, statement: str, values: Mapping[str, object]) -> None:
    with connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(statement, values)


def _make_variants(dsn: str) -> None:
    generator = np.random.default_rng(1)
    features = generator.lognormal(5, 3, (VARIANTS, FEATURE_COUNT)).astype("<f4")
    probabilities = generator.random((VARIANTS, 1), dtype=np.float32).astype("<f4")
    with connect(dsn) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO narrow_variants VALUES (%s, %s::real[], %s, %s::real[], %s)",
            [
                (number, row.tolist(), row.tobytes(), answer.tolist(), answer.tobytes())
                for number, (row, answer) in enumerate(zip(features, probabilities, strict=True))
            ],
        )
