"""Reads the log from PostgreSQL page by page: all SQL for reading it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from serve.audit.binary_rows import (
    ADDED_LATER,
    COLUMNS,
    FIRST_TIME_US,
    HEADER_BYTES,
    LAST_TIME_US,
    SIGNATURE,
    TRAILER,
    TYPES,
    LoggedRow,
    RowDecoder,
    UnreadableRecord,
)
from serve.audit.binary_rows import place_of as place_in
from serve.audit.errors import AuditError
from serve.prediction_log.anchor import Anchor
from serve.prediction_log.chain import GENESIS
from serve.prediction_log.frame import StoredRecord, matrix_of
from serve.prediction_log.table import ChainEnd

PAGE_RECORDS: Final = 10_000
PAGE_BYTES: Final = 4 * 1024 * 1024
"""Bytes of a page as stored in PostgreSQL, which sends about twice as much."""
RECORDS_A_TIME: Final = 100
_PLANS: Final = """
    SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off; SET jit = off;
    SET max_parallel_workers_per_gather = 0
"""
"""Read pages by the primary key, even if the planner has no statistics of a month."""

_TABLE: Final = sql.SQL("public.prediction_requests")
_AS_TYPE: Final = {
    "uuid": sql.SQL("{}::uuid"),
    "bigint": sql.SQL("{}::bigint"),
    "timestamptz": sql.SQL("{}::timestamptz"),
    "text": sql.SQL("{}::text"),
    "integer": sql.SQL("{}::integer"),
    "bytea": sql.SQL("{}::bytea"),
    "boolean": sql.SQL("{}::boolean"),
    "text[]": sql.SQL("{}::text[]"),
    "bytea[]": sql.SQL("{}::bytea[]"),
    "real[]": sql.SQL("{}::real[]"),
}
# A column whose type was changed is a finding, and is read with its original type.
_READ_AS: Final = {name: _AS_TYPE[kind].format(sql.Identifier(name)) for name, kind in zip(COLUMNS, TYPES, strict=True)}
_NULL_OF: Final = {name: _AS_TYPE[kind].format(sql.SQL("NULL")) for name, kind in zip(COLUMNS, TYPES, strict=True)}
_ADDED: Final = """
    SELECT attname FROM pg_catalog.pg_attribute
    WHERE attrelid = 'public.prediction_requests'::regclass AND attname = ANY(%s) AND NOT attisdropped
"""
_ORDER: Final = sql.SQL("chain_id, sequence, recorded_at")
_PAGE: Final = sql.SQL("""
    COPY (
        SELECT {columns} FROM (
            SELECT *, sum(size) OVER (ORDER BY {order} ROWS UNBOUNDED PRECEDING) AS sizes
            FROM (SELECT *, {sizes} AS size FROM {table} WHERE {where} ORDER BY {order} LIMIT {records}) AS page
        ) AS page
        WHERE sizes - size < {bytes} ORDER BY {order}
    ) TO STDOUT (FORMAT binary)
""")
_BEHIND: Final = sql.SQL("({order}) > ({chain}::uuid, {sequence}, {moment})")
_OF_CHAIN: Final = sql.SQL("chain_id = {chain}::uuid AND (sequence, recorded_at) > ({sequence}, {moment})")
_MOMENT: Final = sql.SQL("timestamptz '2000-01-01 00:00+00' + make_interval(days => {}) + interval {}")
_US_A_DAY: Final = 86_400_000_000
_ENDLESS: Final = {FIRST_TIME_US: "-infinity", LAST_TIME_US: "infinity"}
_RECORDS: Final = sql.SQL("""
    COPY (SELECT {columns} FROM {table} WHERE {where} ORDER BY {order}) TO STDOUT (FORMAT binary)
""")
_OF_APPLICANT: Final = sql.SQL("applicant_refs && {}::bytea[]")
_OF_APPLICATION: Final = sql.SQL("application_ids @> ARRAY[{}]::text[]")
_OF_REQUEST: Final = sql.SQL("request_id = {}")
_MARKS: Final = """
    SELECT chain_id::text, coalesce(sequence, 0), coalesce(hash, '') FROM public.prediction_chains
    WHERE (%(first)s IS NULL OR chain_id >= %(first)s::uuid) AND (%(below)s IS NULL OR chain_id < %(below)s::uuid)
"""
_MARKED: Final = "SELECT coalesce(sum(sequence), 0) FROM public.prediction_chains"
_HASH: Final = sql.SQL("""
    SELECT coalesce(hash, '') FROM public.prediction_requests
    WHERE (chain_id, sequence, recorded_at) = ({chain}::uuid, {sequence}, {moment})
""")
_HASH_OF: Final = "SELECT hash FROM public.prediction_requests WHERE chain_id = %s::uuid AND sequence = %s"
_MARK: Final = """
    SELECT chain_id::text, coalesce(sequence, 0), coalesce(hash, '') FROM public.prediction_chains
    WHERE chain_id = %s::uuid
"""
_NOTED: Final = """
    SELECT note.sequence, note.hash FROM public.retention_notes AS note
    WHERE note.chain_id = %s::uuid ORDER BY note.sequence DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A record's place in the reading order of the log."""

    chain_id: uuid.UUID
    sequence: int
    moment: int
    """When it was recorded, microseconds since 2000."""


@dataclass(frozen=True, slots=True)
class LoggedRecord:
    """A record and its chain."""

    chain_id: uuid.UUID
    record: StoredRecord


@contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """A transaction with a consistent snapshot; its end releases all locks."""
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


class LogReader:
    """Reads the log in pages; each call needs a transaction, whose snapshot it reads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._decoder = RowDecoder()
        with snapshot(connection), connection.cursor() as cursor:
            cursor.execute(_PLANS)
            names = _names_of(connection)
        self._columns, self._sizes = _columns(names), _sizes(names)

    def page(self, after: Place | None) -> Sequence[bytes]:
        """The next records after a place; none at the end of the log."""
        return self._page(sql.SQL("true") if after is None else _BEHIND.format(order=_ORDER, **_literals(after)))

    def rest_of_chain(self, after: Place) -> Sequence[bytes]:
        """The next records of the same chain."""
        return self._page(_OF_CHAIN.format(**_literals(after)))

    def decode(self, rows: Sequence[bytes]) -> list[LoggedRow | UnreadableRecord]:
        """The records of a page."""
        return self._decoder.decode(rows)

    def marks(self, first: uuid.UUID | None, below: uuid.UUID | None) -> dict[uuid.UUID, ChainEnd]:
        """Each chain's end in the table of chains: from one chain on, and before another; None = all."""
        values = {name: None if end is None else str(end) for name, end in (("first", first), ("below", below))}
        return {mark.chain_id: mark for mark in self._marks(_MARKS, values)}

    def mark(self, chain_id: uuid.UUID) -> ChainEnd | None:
        """One chain's end in the table of chains."""
        return next(iter(self._marks(_MARK, (str(chain_id),))), None)

    def noted_beginning(self, chain_id: uuid.UUID) -> Anchor:
        """What retention has removed of a chain, as the server that keeps its anchor noted it; empty for nothing."""
        with self._connection.cursor() as cursor:
            cursor.execute(_NOTED, (str(chain_id),))
            row = cursor.fetchone()
        if row is None or len(row[1]) != len(GENESIS):
            return Anchor()
        return Anchor(expired_sequence=row[0], expired_hash=bytes(row[1]))

    def hash_at(self, place: Place) -> bytes | None:
        """The hash at a place; None if there is no record."""
        query = _HASH.format(**_literals(place))
        with self._connection.cursor() as cursor:
            cursor.execute(query)
            row = cursor.fetchone()
        return None if row is None else bytes(row[0])

    def count_marked(self) -> int:
        """The number of records by the table of chains, including those removed by retention."""
        with self._connection.cursor() as cursor:
            cursor.execute(_MARKED)
            row = cursor.fetchone()
        return 0 if row is None else int(row[0])

    def _page(self, where: sql.Composable) -> Sequence[bytes]:
        query = _PAGE.format(
            columns=self._columns,
            order=_ORDER,
            sizes=self._sizes,
            table=_TABLE,
            where=where,
            records=sql.Literal(PAGE_RECORDS),
            bytes=sql.Literal(PAGE_BYTES),
        )
        return _copied(self._connection, query)

    def _marks(self, query: str, values: Any) -> list[ChainEnd]:
        with self._connection.cursor() as cursor:
            cursor.execute(query, values)
            return [ChainEnd(uuid.UUID(chain_id), sequence, bytes(end)) for chain_id, sequence, end in cursor]


class _Rows:
    """A file object to which psycopg2 writes rows."""

    def __init__(self) -> None:
        self.rows: list[bytes] = []
        self.write = self.rows.append

    def whole(self) -> list[bytes]:
        """The rows without the header and the trailer."""
        rows = self.rows
        if rows and rows[0].startswith(SIGNATURE):
            rows[0] = rows[0][HEADER_BYTES:]
        return [row for row in rows if row and row != TRAILER]


def place_of(row: bytes) -> Place:
    """The place of a row's record."""
    chain, sequence, moment = place_in(row)
    return Place(uuid.UUID(bytes=chain), sequence, moment)


def hash_of(connection: Connection, chain_id: uuid.UUID, sequence: int) -> bytes | None:
    """The hash of a record, whenever it was recorded; None if it does not exist."""
    with connection.cursor() as cursor:
        cursor.execute(_HASH_OF, (str(chain_id), sequence))
        row = cursor.fetchone()
    return None if row is None else bytes(row[0])


def records_of_applicant(connection: Connection, pseudonyms: Sequence[bytes]) -> Iterator[LoggedRecord]:
    """The records with a row of the person with any of these pseudonyms.

    Raises:
        AuditError: one of them can't be read.
    """
    return _records_where(connection, _OF_APPLICANT.format(sql.Literal(list(pseudonyms))))


def records_of_request(connection: Connection, request_id: str) -> Iterator[LoggedRecord]:
    """The records of requests with one id, which a client may have given to several.

    Raises:
        AuditError: one of them can't be read.
    """
    return _records_where(connection, _OF_REQUEST.format(sql.Literal(request_id)))


def records_of_application(connection: Connection, application_id: str) -> Iterator[LoggedRecord]:
    """The records with a row about one application; there is no index, so all ids of the log are scanned.

    Raises:
        AuditError: one of them can't be read.
    """
    return _records_where(connection, _OF_APPLICATION.format(sql.Literal(application_id)))


def _records_where(connection: Connection, where: sql.Composable) -> Iterator[LoggedRecord]:
    query = _RECORDS.format(columns=_columns(_names_of(connection)), table=_TABLE, where=where, order=_ORDER)
    rows, decoder = _copied(connection, query), RowDecoder()
    for start in range(0, len(rows), RECORDS_A_TIME):
        for row in decoder.decode(rows[start : start + RECORDS_A_TIME]):
            if isinstance(row, UnreadableRecord):
                raise AuditError(
                    f"record {row.sequence} of chain {row.chain_id} was changed ({row.why}): `python -m serve.audit "
                    f"verify` reports all such records; nothing is erased before they are repaired"
                )
            yield LoggedRecord(uuid.UUID(bytes=row.chain), _record(row))


def _names_of(connection: Connection) -> Sequence[str]:
    """The columns of the table; an older table has fewer, which are sufficient for verification."""
    with connection.cursor() as cursor:
        cursor.execute(_ADDED, (list(ADDED_LATER),))
        added = {name for (name,) in cursor}
    return [name for name in COLUMNS if name in added or name not in ADDED_LATER]


def _columns(names: Sequence[str]) -> sql.Composed:
    """The columns to read, NULL for a missing one."""
    return sql.SQL(", ").join(_READ_AS[name] if name in names else _NULL_OF[name] for name in COLUMNS)


def _sizes(names: Sequence[str]) -> sql.Composed:
    """Bytes of a row as stored."""
    sizes = (sql.SQL("coalesce(pg_column_size({}), 0)").format(sql.Identifier(name)) for name in names)
    return sql.SQL(" + ").join(sizes)


def _record(row: LoggedRow) -> StoredRecord:
    probabilities = np.frombuffer(row.probabilities, "<f4")
    return StoredRecord(
        facts=row.facts,
        application_ids=row.application_ids,
        applicant_refs=row.applicant_refs,
        features=matrix_of(row.features, len(probabilities)),
        probabilities=probabilities,
        salt=row.salt,
        digest=row.digest,
        hash=row.hash,
        reasons=matrix_of(row.reasons, len(probabilities)) if row.reasons else None,
    )


def _copied(connection: Connection, query: sql.Composable) -> list[bytes]:
    rows = _Rows()
    with connection.cursor() as cursor:
        cursor.copy_expert(query, rows)
    return rows.whole()


def _literals(place: Place) -> dict[str, sql.Composable]:
    return {
        "chain": sql.Literal(str(place.chain_id)),
        "sequence": sql.Literal(place.sequence),
        "moment": _moment(place.moment),
    }


def _moment(microseconds: int) -> sql.Composable:
    """A time as SQL, exact to the microsecond."""
    if microseconds in _ENDLESS:
        return sql.SQL("timestamptz {}").format(sql.Literal(_ENDLESS[microseconds]))
    days, rest = divmod(microseconds, _US_A_DAY)
    return _MOMENT.format(sql.Literal(days), sql.Literal(f"{rest} microseconds"))
