"""A database of the replay's own, so that nothing it writes mixes with production; it does not outlive the replay."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import make_dsn

from fraud.database import connect, open_connection
from fraud.foreign_errors import postgres_words
from train.replay.errors import ReplayError
from train.table import COLUMNS, TABLE

CREATE: Final = sql.SQL("CREATE DATABASE {}")
DROP: Final = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
COPIED: Final = sql.SQL("COPY public.{table} ({columns}) {direction} (FORMAT binary)")


@contextmanager
def temporary_database(owner_dsn: str, name: str) -> Iterator[str]:
    """Owner's connection string of an empty database on the same server, for the block.

    Raises:
        ReplayError: the owner may not create databases, or the name is taken.
        DatabaseError: PostgreSQL does not answer.
    """
    _administer(owner_dsn, CREATE, name)
    try:
        yield make_dsn(owner_dsn, dbname=name)
    finally:
        _administer(owner_dsn, DROP, name)


def copy_applications(source_dsn: str, target_dsn: str) -> None:
    """Copy the table of applications, which is only read in the source and is empty in the target.

    Raises:
        ReplayError: one of them refuses.
        DatabaseError: PostgreSQL does not answer.
    """
    names = {
        "table": sql.Identifier(TABLE),
        "columns": sql.SQL(", ").join(map(sql.Identifier, ("application_id", *COLUMNS))),
    }
    try:
        with tempfile.TemporaryFile() as rows:
            with connect(source_dsn, "replay") as source, source.cursor() as cursor:
                cursor.copy_expert(COPIED.format(**names, direction=sql.SQL("TO STDOUT")), rows)
            rows.seek(0)
            with connect(target_dsn, "replay") as target, target.cursor() as cursor:
                cursor.copy_expert(COPIED.format(**names, direction=sql.SQL("FROM STDIN")), rows)
    except psycopg2.Error as error:
        raise ReplayError(
            f"table {TABLE} can't be copied: {postgres_words(error)}; `python -m initdb` fills it"
        ) from error


def _administer(owner_dsn: str, statement: sql.SQL, name: str) -> None:
    connection = open_connection(owner_dsn, "replay")
    # Neither statement may run in a transaction.
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement.format(sql.Identifier(name)))
    except psycopg2.Error as error:
        raise ReplayError(
            f"database {name}: {postgres_words(error)}; the replay needs the owner's login, with the right to "
            "create databases (DATABASE_URL)"
        ) from error
    finally:
        with suppress(psycopg2.Error):
            connection.close()
