"""Answers by idempotency key, shared by the server processes of a machine: one SQLite file beside the spool.

A key goes three steps, each on disk before the next is begun:

1. claimed: a process is at work on it; others answer 409 as long as that process lives.
2. promised: the answer, and the place in the prediction log that its record is about to take.
3. confirmed: the record is written.

Whatever kills a process in between, the next request with the key finds out: a promised answer counts if its place
in the log is taken, since no other record can take the place that a dead process had in its own chain. If it is not,
nothing was recorded and nothing was answered, and the request is scored again.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from serve.answer import Answer
from serve.errors import IdempotencyKeyInUse, IdempotencyKeyReused, IdempotencyUnavailable
from serve.idempotency.key import REPLAYED_HEADER
from serve.idempotency.owners import Owner, is_alive
from serve.idempotency.store_key import keyed, store_key
from serve.prediction_log.place import is_recorded
from serve.prediction_log.record import RecordPlace
from serve.prediction_log.segment import make_folder
from serve.request_names import MODEL_VERSION_HEADER

logger = logging.getLogger(__name__)

FOLDER: Final = "idempotency"
OWNERS_FOLDER: Final = "owners"
DATABASE_FILE: Final = "answers.sqlite3"
BUSY_TIMEOUT_S: Final = 5.0
SWEEP_INTERVAL_S: Final = 600.0
MAX_BYTES: Final = 1024**3
"""Of all answers on the disk; beyond it requests with an Idempotency-Key get 503."""

_SCHEMA: Final = """
    CREATE TABLE IF NOT EXISTS answers (
        key BLOB PRIMARY KEY,
        request BLOB NOT NULL,
        owner BLOB NOT NULL,
        claimed_at INTEGER NOT NULL,
        chain_id BLOB,
        sequence INTEGER,
        answer BLOB,
        confirmed INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS answers_by_age ON answers (claimed_at);
"""
_VERSION: Final = "PRAGMA user_version"
_KEYED_VERSION: Final = "PRAGMA user_version = 1"
"""Of a file whose digests are under the store's key."""
_UNKEYED: Final = "SELECT key, request FROM answers"
_KEY_IT: Final = "UPDATE answers SET key = ?, request = ? WHERE key = ?"
_CLAIM: Final = "INSERT OR IGNORE INTO answers (key, request, owner, claimed_at) VALUES (?, ?, ?, ?)"
_FIND: Final = "SELECT request, owner, confirmed, chain_id, sequence, answer FROM answers WHERE key = ?"
_TAKE_OVER: Final = """
    UPDATE answers SET owner = ?, chain_id = NULL, sequence = NULL, answer = NULL
    WHERE key = ? AND owner = ? AND NOT confirmed
"""
_PROMISE: Final = "UPDATE answers SET chain_id = ?, sequence = ?, answer = ? WHERE key = ? AND owner = ?"
_CONFIRM: Final = "UPDATE answers SET confirmed = 1 WHERE key = ?"
_RELEASE: Final = "DELETE FROM answers WHERE key = ? AND owner = ? AND NOT confirmed"
_SWEEP: Final = "DELETE FROM answers WHERE claimed_at < ?"


class _Claim(NamedTuple):
    """A row of the table; the last three are empty until the answer is promised."""

    request: bytes
    owner: bytes
    confirmed: int
    chain_id: bytes | None
    sequence: int
    answer: bytes


class SavedAnswer(msgspec.Struct, frozen=True, gc=False):
    """An answer as it is kept."""

    content: bytes
    media_type: str
    headers: dict[str, str]
    """With the version of the model."""
    rows: int
    request_id: str
    """The id under which it is on record."""

    @classmethod
    def of(cls, answer: Answer, rows: int, request_id: str) -> SavedAnswer:
        """The answer to a request with so many rows."""
        headers = {MODEL_VERSION_HEADER: str(answer.model_version), **answer.headers}
        return cls(answer.content, answer.media_type, headers, rows, request_id)

    def replayed(self) -> Answer:
        """It is given again: the headers say so, and under which request id it is on record."""
        others = {name: value for name, value in self.headers.items() if name != MODEL_VERSION_HEADER}
        return Answer(
            self.content,
            int(self.headers[MODEL_VERSION_HEADER]),
            self.media_type,
            {**others, REPLAYED_HEADER: "true"},
            self.request_id,
        )


_DECODER: Final = msgspec.msgpack.Decoder(SavedAnswer)
_ENCODER: Final = msgspec.msgpack.Encoder()


class SavedAnswers:
    """One process's way to the answers; safe to use from any thread.

    Of keys and requests it is given digests, and keeps these under a key of its own.
    """

    def __init__(self, spool: Path, keep_s: float, max_bytes: int = MAX_BYTES, *, durable: bool) -> None:
        """An answer is kept for `keep_s`; all of them take at most `max_bytes` on the disk. `durable` forces each step
        there, so that it outlives the machine's power.
        """
        self._spool = spool
        self._owners = spool / FOLDER / OWNERS_FOLDER
        self._keep_s = keep_s
        self._max_bytes = max_bytes
        self._durable = durable
        self._lock = threading.Lock()
        self._sweep_at = 0.0
        self._owner: Owner
        self._secret: bytes
        self._database: sqlite3.Connection

    def start(self) -> None:
        """Open the file, or make it.

        Raises:
            OSError, sqlite3.Error: it can't be opened.
        """
        make_folder(self._owners)
        self._owner = Owner(self._owners)
        path = self._spool / FOLDER / DATABASE_FILE
        self._database = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL" if self._durable else "PRAGMA synchronous = NORMAL")
        (page_bytes,) = self._database.execute("PRAGMA page_size").fetchone()
        self._database.execute(f"PRAGMA max_page_count = {max(1, self._max_bytes // page_bytes)}")
        # What is deleted or replaced is written over.
        self._database.execute("PRAGMA secure_delete = ON")
        self._database.executescript(_SCHEMA)
        self._secret = store_key(path.parent)
        self._key_digests()

    def stop(self) -> None:
        """Close the file."""
        self._database.close()
        self._owner.close()

    def claim(self, key: bytes, request: bytes) -> SavedAnswer | None:
        """The answer that was given under this key; None when the key is the caller's now, who has to score.

        Raises:
            IdempotencyKeyReused: the key belongs to another request.
            IdempotencyKeyInUse: the first request with it is not answered yet.
            IdempotencyUnavailable: the file can't be used.
        """
        key, request = keyed(self._secret, key), keyed(self._secret, request)
        with self._statements() as execute:
            self._sweep(execute)
            if execute(_CLAIM, (key, request, self._owner.id.bytes, int(time.time()))).rowcount == 1:
                return None
            row = execute(_FIND, (key,)).fetchone()
        if row is None:
            raise IdempotencyKeyInUse("another request with this Idempotency-Key has just failed: send this one again")
        claim = _Claim(*row)
        if claim.request != request:
            raise IdempotencyKeyReused("this Idempotency-Key was sent with another request: use a new one for each")
        return _DECODER.decode(claim.answer) if claim.confirmed else self._recover(key, claim)

    def promise(self, key: bytes, answer: SavedAnswer, place: RecordPlace) -> None:
        """Keep the answer, whose record is about to be written at `place`.

        Raises:
            IdempotencyUnavailable: the file can't be used: don't write the record.
        """
        named = keyed(self._secret, key)
        values = (place.chain_id.bytes, place.sequence, _ENCODER.encode(answer), named, self._owner.id.bytes)
        with self._statements() as execute:
            execute(_PROMISE, values)

    def confirm(self, key: bytes) -> None:
        """The record is written. Where that can't be kept, the next request with the key looks into the log."""
        self._confirm(keyed(self._secret, key))

    def release(self, key: bytes) -> None:
        """Nothing was recorded under this key, so it is free again."""
        with self._statements() as execute:
            execute(_RELEASE, (keyed(self._secret, key), self._owner.id.bytes))

    def _confirm(self, named: bytes) -> None:
        try:
            with self._statements() as execute:
                execute(_CONFIRM, (named,))
        except IdempotencyUnavailable as error:
            logger.warning("%s", error)

    def _key_digests(self) -> None:
        """Once: those of the time before the store had a key."""
        execute = self._database.execute
        execute("BEGIN IMMEDIATE")
        if execute(_VERSION).fetchone() == (0,):
            for key, request in execute(_UNKEYED).fetchall():
                execute(_KEY_IT, (keyed(self._secret, key), keyed(self._secret, request), key))
            execute(_KEYED_VERSION)
        execute("COMMIT")

    def _recover(self, named: bytes, claim: _Claim) -> SavedAnswer | None:
        # Asked before the log is read: what a dead process has not written by now, it never will.
        alive = is_alive(self._owners, uuid.UUID(bytes=claim.owner))
        if claim.chain_id is not None:
            place = RecordPlace(uuid.UUID(bytes=claim.chain_id), claim.sequence)
            if is_recorded(self._spool, place):
                self._confirm(named)
                return _DECODER.decode(claim.answer)
        if not alive:
            with self._statements() as execute:
                if execute(_TAKE_OVER, (self._owner.id.bytes, named, claim.owner)).rowcount == 1:
                    return None
        raise IdempotencyKeyInUse("the first request with this Idempotency-Key is not answered yet: try again")

    def _sweep(self, execute: Any) -> None:
        if time.monotonic() >= self._sweep_at:
            execute(_SWEEP, (int(time.time() - self._keep_s),))
            self._sweep_at = time.monotonic() + SWEEP_INTERVAL_S

    @contextmanager
    def _statements(self) -> Iterator[Any]:
        """Statements of one thread at a time, each a transaction of its own."""
        try:
            with self._lock:
                yield self._database.execute
        except sqlite3.Error as error:
            raise IdempotencyUnavailable(
                f"the answers under Idempotency-Key can't be kept ({error}): try again later, or send no key"
            ) from error
