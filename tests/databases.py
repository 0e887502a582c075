"""Databases of a test's own on the session's PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import make_dsn

from initdb.schema import apply_roles


def administer(dsn: str, statement: str, name: str) -> None:
    """Run a statement about a database of this name, outside of a transaction, as PostgreSQL asks for."""
    connection = psycopg2.connect(dsn)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL(statement).format(sql.Identifier(name)))
    finally:
        connection.close()


def spare_the_disk(dsn: str) -> None:
    """Have a server of tests wait for no disk: killed processes lose nothing by that, only a loss of power would."""
    for setting in ("fsync", "full_page_writes"):
        administer(dsn, "ALTER SYSTEM SET {} = off", setting)
    administer(dsn, "SELECT {}()", "pg_reload_conf")


@contextmanager
def new_database(dsn: str, name: str, statement: str = "CREATE DATABASE {}", *, dropped: bool = True) -> Iterator[str]:
    """Owner's connection string of an empty database, which is dropped when the block ends well."""
    administer(dsn, statement, name)
    yield make_dsn(dsn, dbname=name)
    if dropped:
        administer(dsn, "DROP DATABASE {} WITH (FORCE)", name)


@contextmanager
def copied_database(dsn: str, name: str, template: str) -> Iterator[str]:
    """As `new_database`, a copy of the `template`, with the rights that no copy takes over."""
    with new_database(dsn, name, f"CREATE DATABASE {{}} TEMPLATE {template}") as copied:
        apply_roles(copied)
        yield copied
