"""Erasure of recorded answers that are not settled yet."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from serve.idempotency.forgetting import erase_answers
from serve.prediction_log.record import RecordPlace
from serve.stream.errors import StreamError
from serve.stream.recorded_answers import DATABASE_FILE, FOLDER

# x'' is `ERASED`.
_ERASE: Final = "UPDATE promised SET answer = x'' WHERE chain_id = ? AND sequence = ? AND answer <> x''"


def forget(spool: Path, places: Iterable[RecordPlace]) -> int:
    """Erase the answers of each record; returns their number.

    The place of the application and the keyed digest of its body stay, so that an application that comes again becomes
    a dead letter and is not recorded again.

    Raises:
        StreamError: the file can't be used.
    """
    path = spool / FOLDER / DATABASE_FILE
    try:
        return erase_answers(path, _ERASE, places)
    except sqlite3.Error as error:
        raise StreamError(f"the answers of streams can't be erased from {path}: {error}") from error
