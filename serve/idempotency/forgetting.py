"""Erasure of answers by idempotency key."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from serve.errors import IdempotencyUnavailable
from serve.idempotency.answers import BUSY_TIMEOUT_S, DATABASE_FILE, FOLDER
from serve.prediction_log.record import RecordPlace

CHECKPOINT_TIMEOUT_S: Final = 30.0
POLL_INTERVAL_S: Final = 0.1

_FORGET: Final = """
    UPDATE answers SET request = x'', answer = x'', confirmed = 1
    WHERE chain_id = ? AND sequence = ? AND request <> x''
"""
_CHECKPOINT: Final = "PRAGMA wal_checkpoint(TRUNCATE)"


def forget(spool: Path, places: Iterable[RecordPlace]) -> int:
    """Erase request and answer of each record; returns their number.

    The key itself stays, so that a repeated request is refused and does not record erased data again.

    Raises:
        IdempotencyUnavailable: the file can't be used.
    """
    path = spool / FOLDER / DATABASE_FILE
    try:
        return erase_answers(path, _FORGET, places)
    except sqlite3.Error as error:
        raise IdempotencyUnavailable(
            f"the answers under Idempotency-Key can't be erased from {path}: {error}"
        ) from error


def erase_answers(path: Path, statement: str, places: Iterable[RecordPlace]) -> int:
    """Run an UPDATE for each record, with its chain and sequence, and leave no old page in the file or in its
    write-ahead log. Returns the number of rows changed; 0 if there is no file.

    Raises:
        sqlite3.Error: the file can't be used.
    """
    if not path.exists():
        return 0
    with contextlib.closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as database:
        database.execute("PRAGMA secure_delete = ON")
        database.execute("BEGIN IMMEDIATE")
        values = [(place.chain_id.bytes, place.sequence) for place in places]
        erased = database.executemany(statement, values).rowcount if values else 0
        database.execute("COMMIT")
        _empty_log(database)
    return erased


def _empty_log(database: sqlite3.Connection) -> None:
    """Truncate the write-ahead log, which still holds old pages."""
    deadline = time.monotonic() + CHECKPOINT_TIMEOUT_S
    while database.execute(_CHECKPOINT).fetchone()[0]:  # busy: a server process is reading
        if time.monotonic() > deadline:
            raise sqlite3.OperationalError("its write-ahead log is constantly in use")
        time.sleep(POLL_INTERVAL_S)
