"""Removes erased data from PostgreSQL's WAL: it contains data written since the last checkpoint, and its recycled files
contain old data.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from psycopg2 import errors
from psycopg2.extensions import connection as Connection

WAL: Final = "PostgreSQL's WAL"

_ATTEMPTS: Final = 3
_POLL_INTERVAL_S: Final = 0.05

_RECYCLES: Final = "SELECT current_setting('wal_recycle') = 'on'"
_LAST: Final = "SELECT max(name) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'"
_CURRENT: Final = "SELECT pg_walfile_name(pg_current_wal_insert_lsn())"
_FILL: Final = "SELECT pg_logical_emit_message(false, 'erasure', '')"
_RELOAD: Final = "SELECT pg_reload_conf()"
_SWITCH: Final = "SELECT pg_switch_wal()"
_OLDEST: Final = "SELECT min(name) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'"


def give_up_wal(connection: Connection) -> tuple[str, ...]:
    """Overwrite or remove every existing WAL file; returns what had to stay.

    A switch to the next file fills the rest of the current one with zeros, so switching through all spare files
    overwrites them; a checkpoint then releases the files before it.

    Raises:
        psycopg2.Error: PostgreSQL refuses.
    """
    try:
        return _give_up(connection)
    except (errors.InsufficientPrivilege, errors.FeatureNotSupported, errors.ObjectNotInPrerequisiteState):
        return (WAL,)  # `allow_alter_system` is off


def _give_up(connection: Connection) -> tuple[str, ...]:
    with _no_spare_files(connection):
        for _ in range(_ATTEMPTS):
            current = _go_past_spare_files(connection)
            _run(connection, "CHECKPOINT")
            if _text(connection, _LAST) <= _text(connection, _CURRENT):
                break  # otherwise an earlier checkpoint has just recycled some
        oldest = _text(connection, _OLDEST)
    if oldest < current:
        return (f"{WAL}, which a replication slot, `wal_keep_size` or archiving keeps",)
    return ()


def _go_past_spare_files(connection: Connection) -> str:
    """Returns the first file without old content."""
    last = _text(connection, _LAST)
    while (current := _text(connection, _CURRENT)) <= last:
        _text(connection, _FILL)
        _text(connection, _SWITCH)
    return current


@contextmanager
def _no_spare_files(connection: Connection) -> Iterator[None]:
    """Make checkpoints remove files that they would otherwise recycle with their old content."""
    if _text(connection, _RECYCLES) != "True":
        yield
        return
    _run(connection, "ALTER SYSTEM SET wal_recycle = off")
    try:
        _text(connection, _RELOAD)
        while _text(connection, _RECYCLES) == "True":
            time.sleep(_POLL_INTERVAL_S)
        yield
    finally:
        _run(connection, "ALTER SYSTEM RESET wal_recycle")
        _text(connection, _RELOAD)


def _text(connection: Connection, query: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(query)
        row = cursor.fetchone()
    return "" if row is None else str(row[0])


def _run(connection: Connection, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
