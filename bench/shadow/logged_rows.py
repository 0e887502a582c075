"""Answers of the log in chunks, as they come from PostgreSQL: all SQL of the comparison that reads the log."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Final, Protocol

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from bench.shadow.copied_rows import NO_APPLICATION, AnsweredRows, Unreadable, decode
from fraud.registry import ModelVersion
from serve.audit.binary_rows import HEADER_BYTES, SIGNATURE, TRAILER

MOST_ROWS: Final = 5_000_000
"""Of a longer log, requests are drawn by their hash until about this number of rows is left."""
CHUNK_BYTES: Final = 8 * 1024 * 1024
"""Of what PostgreSQL sends: some 90,000 rows."""

_WINDOW: Final = sql.SQL("received_at >= {since} AND received_at < {until}")
_NUMBER: Final = sql.SQL("""
    SELECT coalesce(sum(cardinality(probabilities)) FILTER (WHERE NOT load_test), 0)::bigint,
        coalesce(sum(cardinality(probabilities)) FILTER (WHERE load_test), 0)::bigint
    FROM public.prediction_requests WHERE {window}
""")
# NULL is erased: its elements would have another size. Three bytes of a SHA-256 are as good as drawn, and the same
# whoever looks again. An id is needed only to find the answers about one application, so its hash will do.
_ANSWERS: Final = sql.SQL("""
    COPY (
        SELECT chain_id, sequence, received_at,
            (model_version, model_sha256) = ({version}, decode({sha256}, 'hex')),
            CASE WHEN array_position(features, NULL) IS NULL THEN features
                ELSE array_replace(features, NULL, '-Infinity') END,
            probabilities,
            CASE WHEN application_ids IS NOT NULL THEN (
                SELECT array_agg(coalesce(hashtextextended(id, 0), {none}) ORDER BY place)
                FROM unnest(application_ids) WITH ORDINALITY AS application (id, place)
            ) END
        FROM public.prediction_requests
        WHERE {window} AND NOT load_test AND cardinality(probabilities) > 0
            AND get_byte(hash, 0) * 65536 + get_byte(hash, 1) * 256 + get_byte(hash, 2) < {share} * 16777216
    ) TO STDOUT (FORMAT binary)
""")


@dataclass(frozen=True, slots=True)
class Window:
    """Requests that came from `since` to before `until`."""

    since: dt.datetime
    until: dt.datetime

    def as_sql(self) -> sql.Composed:
        """The condition."""
        return _WINDOW.format(since=sql.Literal(self.since), until=sql.Literal(self.until))


@dataclass(frozen=True, slots=True)
class Answered:
    """How many rows a window has."""

    rows: int
    load_tests: int
    """Rows of load tests, which are none of them."""


class Reading(Protocol):
    """What becomes of the rows."""

    def see(self, chunk: AnsweredRows) -> None:
        """Take some rows, at least one; may fail."""

    def see_unreadable(self, records: list[Unreadable]) -> None:
        """Take records that can't be read."""


def count_answers(connection: Connection, window: Window) -> Answered:
    """How many rows were answered.

    Raises:
        psycopg2.Error: PostgreSQL does not answer, or refuses.
    """
    with connection.cursor() as cursor:
        cursor.execute(_NUMBER.format(window=window.as_sql()))
        rows, load_tests = cursor.fetchone() or (0, 0)
    return Answered(rows, load_tests)


def read_answers(connection: Connection, window: Window, own: ModelVersion, share: float, reading: Reading) -> None:
    """Have the rows of such a share of the requests read, a chunk after the other.

    Load tests are left out. Memory holds one chunk, whatever the log's size.

    Raises:
        psycopg2.Error: PostgreSQL does not answer, or refuses.
    """
    query = _ANSWERS.format(
        window=window.as_sql(),
        version=sql.Literal(own.version),
        sha256=sql.Literal(own.sha256),
        none=sql.Literal(NO_APPLICATION),
        share=sql.Literal(share),
    )
    chunks = _Chunks(reading)
    with connection.cursor() as cursor:
        cursor.copy_expert(query, chunks)
    chunks.flush()


@dataclass(slots=True)
class _Chunks:
    """A file that psycopg2 writes each request to."""

    reading: Reading
    _requests: list[bytes] = field(default_factory=list)
    _bytes: int = 0

    def write(self, message: bytes) -> int:
        """Keep a request; the first comes behind the header."""
        request = message[HEADER_BYTES:] if message.startswith(SIGNATURE) else message
        if request and request != TRAILER:
            self._requests.append(request)
            self._bytes += len(request)
            if self._bytes >= CHUNK_BYTES:
                self.flush()
        return len(message)

    def flush(self) -> None:
        """Look at what is there."""
        requests, self._requests, self._bytes = self._requests, [], 0
        found, unreadable = decode(requests)
        if found:
            self.reading.see(found[0] if len(found) == 1 else AnsweredRows.together(found))
        if unreadable:
            self.reading.see_unreadable(unreadable)
