"""Databases of a test's own on the session's PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import make_dsn


def administer(dsn: str, statement: str, name: str) -> None:
    """Run a statement about a database of this name, outside of a transaction, as PostgreSQL asks for."""
    connection = psycopg2.connect(dsn)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL(statement).format(sql.Identifier(name)))
    finally:
        connection.close()


@contextmanager
def new_database(dsn: str, name: str, statement: str = "CREATE DATABASE {}") -> Iterator[str]:
    """Owner's connection string of an empty database, which is dropped when the block ends well."""
    administer(dsn, statement, name)
    yield make_dsn(dsn, dbname=name)
    administer(dsn, "DROP DATABASE {} WITH (FORCE)", name)
