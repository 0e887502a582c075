"""`rewrite`: remove erased rows from PostgreSQL's files: tables, indexes, statistics and WAL.

An UPDATE leaves the old row in the table's free space and in the index until it is overwritten, and VACUUM does not
change that. Only rewriting the table removes it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from psycopg2 import errors, sql
from psycopg2.extensions import connection as Connection

from fraud.counted import counted
from fraud.database import open_connection
from serve.audit.amendment import LOCK
from serve.audit.erasure import APPLICATION_NAME
from serve.audit.errors import AuditError
from serve.audit.shadows import shadow_months
from serve.audit.wal import WAL, give_up_wal

LOCK_TIMEOUT: Final = "1s"
"""Lock timeout: others who need a table queue behind our lock request, for at most this time."""
POLL_INTERVAL_S: Final = 1.0
LOG: Final = "prediction_requests"
BESIDE_THE_LOG: Final = ("outcomes", "label_submissions", "applicant_groups", "cases", "case_contents")
"""Other tables from which an erasure removes rows."""
STATISTICS: Final = "pg_statistic"

Tell = Callable[[str], None]

_DUE: Final = """
    SELECT relname, pg_total_relation_size(month.oid)
    FROM (
        SELECT request.tableoid AS oid, max(entry.erased_at) AS erased_at
        FROM public.prediction_erasures AS entry
        JOIN public.prediction_requests AS request USING (chain_id, sequence)
        GROUP BY 1
    ) AS month
    JOIN pg_catalog.pg_class USING (oid)
    WHERE erased_at > coalesce(
        substring(obj_description(month.oid, 'pg_class') FROM 'rewritten at (.*)')::timestamptz, '-infinity'
    )
    ORDER BY relname
"""
_REWRITTEN: Final = sql.SQL("COMMENT ON TABLE public.{} IS {}")
_NOW: Final = "SELECT clock_timestamp(), pg_current_xact_id()::xid::text"
_OLD_READERS: Final = """
    SELECT count(*) FROM pg_catalog.pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND age(backend_xmin) > age(%s::xid)
"""
_FORGET: Final = sql.SQL("DELETE FROM pg_catalog.pg_statistic WHERE starelid = ANY (({})::regclass[])")
"""Needed because ANALYZE keeps the statistics of a table that an erasure has emptied."""
_VACUUM: Final = sql.SQL("VACUUM (FULL) {}")
_ANALYZE: Final = sql.SQL("ANALYZE {}")
_HAS_STATISTICS: Final = """
    SELECT count(*) > 0 FROM pg_catalog.pg_stats WHERE schemaname = 'public' AND tablename = 'prediction_requests'
"""
"""Statistics of the partitioned table as a whole, which nobody needs and autovacuum does not create."""
_IS_SUPERUSER: Final = "SELECT current_setting('is_superuser') = 'on'"


@dataclass(frozen=True, slots=True)
class Table:
    """A table with data erased since it was last rewritten."""

    name: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The tables rewritten, and what this login could not rewrite."""

    tables: tuple[Table, ...]
    left: tuple[str, ...]


def due_tables(dsn: str) -> list[Table]:
    """Months of the log with data erased or rekeyed since they were last rewritten.

    Raises:
        DatabaseError, psycopg2.Error: PostgreSQL does not answer, or refuses.
    """
    with contextlib.closing(_session(dsn)) as connection:
        return [Table(name, size) for name, size in _fetch(connection, _DUE)]


def rewrite(dsn: str, timeout_s: float, tell: Tell) -> Rewritten:
    """Rewrite due tables, with the owner's login; a second call has nothing to do.

    Raises:
        AuditError: a table was in use, or an old transaction open, for all of `timeout_s`; run it again.
        DatabaseError, psycopg2.Error: PostgreSQL does not answer, or refuses.
    """
    tables = due_tables(dsn)
    if not tables:
        return Rewritten((), ())
    deadline = time.monotonic() + timeout_s
    with contextlib.closing(_session(dsn)) as connection:
        moment, transaction = _after_erasures(connection)
        _wait_for_readers(connection, transaction, deadline, tell)
        for table in tables:
            begun = time.monotonic()
            tell(f"{table.name}, {table.bytes / 1e6:.0f} MB: it can't be used while it is rewritten; records wait")
            _retry(connection, deadline, _VACUUM.format(_named(table.name)))
            _retry(connection, deadline, _ANALYZE.format(_named(table.name)))
            tell(f"{table.name}: done in {time.monotonic() - begun:.1f} s")
        beside = (*BESIDE_THE_LOG, *shadow_months(connection, [table.name for table in tables]))
        if _is_superuser(connection):
            _run(connection, _FORGET.format(sql.Literal([f"public.{name}" for name in beside])))
        for name in beside:
            _retry(connection, deadline, _VACUUM.format(_named(name)))
            _retry(connection, deadline, _ANALYZE.format(_named(name)))
        if _fetch(connection, _HAS_STATISTICS)[0][0]:
            _retry(connection, deadline, _ANALYZE.format(_named(LOG)))
        left = _give_up_rest(connection, deadline)
        for table in tables:  # last, so that an interrupted rewrite is due again
            _retry(
                connection,
                deadline,
                _REWRITTEN.format(sql.Identifier(table.name), sql.Literal(f"rewritten at {moment}")),
            )
    return Rewritten(tuple(tables), left)


def _give_up_rest(connection: Connection, deadline: float) -> tuple[str, ...]:
    """Do the parts that need a superuser; returns what is left."""
    if not _is_superuser(connection):
        return ("PostgreSQL's statistics", WAL)
    _retry(connection, deadline, _VACUUM.format(sql.Identifier("pg_catalog", STATISTICS)))
    return give_up_wal(connection)


def _is_superuser(connection: Connection) -> bool:
    return bool(_fetch(connection, _IS_SUPERUSER)[0][0])


def _session(dsn: str) -> Connection:
    """A connection in autocommit mode: VACUUM can't run in a transaction."""
    connection = open_connection(dsn, APPLICATION_NAME, {"lock_timeout": LOCK_TIMEOUT})
    connection.autocommit = True
    return connection


def _after_erasures(connection: Connection) -> tuple[str, str]:
    """A time and a transaction id by which all erasures begun before have ended."""
    with _transaction(connection) as cursor:
        cursor.execute("SET LOCAL lock_timeout = 0")
        cursor.execute(LOCK)
        cursor.execute(_NOW)
        moment, transaction = cursor.fetchone()
    return str(moment), transaction


@contextmanager
def _transaction(connection: Connection) -> Iterator[Any]:
    connection.autocommit = False
    try:
        with connection, connection.cursor() as cursor:
            yield cursor
    finally:
        connection.autocommit = True


def _wait_for_readers(connection: Connection, transaction: str, deadline: float, tell: Tell) -> None:
    """Wait for old transactions: rows that they could still read would be kept by the rewrite."""
    told = False
    while (count := _fetch(connection, _OLD_READERS, transaction)[0][0]) > 0:
        if time.monotonic() > deadline:
            raise AuditError(f"still open: {counted(count, 'transaction')} older than the erasure; run it again later")
        if not told:
            tell(f"waiting for {counted(count, 'transaction')} older than the erasure")
            told = True
        time.sleep(POLL_INTERVAL_S)


def _retry(connection: Connection, deadline: float, statement: sql.Composed) -> None:
    while True:
        try:
            _run(connection, statement)
        except errors.LockNotAvailable:
            if time.monotonic() > deadline:
                raise AuditError("a table is constantly in use: run `rewrite` again at a time of low load") from None
            time.sleep(POLL_INTERVAL_S)
        else:
            return


def _run(connection: Connection, statement: sql.Composed) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _fetch(connection: Connection, query: str, *values: object) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


def _named(table: str) -> sql.Identifier:
    return sql.Identifier("public", table)
