"""Answers by idempotency key, shared by the server processes of a machine: one SQLite file beside the spool.

A key passes three states, each on disk before the next:

1. claimed: a process works on it; others answer 409 as long as that process is alive.
2. promised: the answer, and the place in the prediction log that its record will take.
3. confirmed: the record is written.

If a process is killed in between, the next request with the key recovers: a promised answer is valid if its place in
the log is taken, since only the dead process could write to its own chain. Otherwise nothing was recorded or answered,
and the request is scored again.
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
"""Maximum size of all answers on disk; beyond it requests with an Idempotency-Key get 503."""

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
"""Schema version of a file whose digests are keyed."""
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
    """A stored answer."""

    content: bytes
    media_type: str
    headers: dict[str, str]
    """Headers, with the model's version."""
    rows: int
    request_id: str
    """The request id of its record."""

    @classmethod
    def of(cls, answer: Answer, rows: int, request_id: str) -> SavedAnswer:
        """Convert an answer to a request with `rows` rows."""
        headers = {MODEL_VERSION_HEADER: str(answer.model_version), **answer.headers}
        return cls(answer.content, answer.media_type, headers, rows, request_id)

    def replayed(self) -> Answer:
        """The answer for a repeated request; its headers mark it as replayed, and name the recorded request id."""
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
    """The store of answers, from one process; thread-safe. It receives digests of keys and requests, and stores keyed
    hashes of them.
    """

    def __init__(self, spool: Path, keep_s: float, max_bytes: int = MAX_BYTES, *, durable: bool) -> None:
        """An answer is kept for `keep_s`; all answers take at most `max_bytes` on disk. `durable` syncs each step, so
        that it survives a power failure.
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
        """Open or create the file.

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
        # Overwrite deleted and replaced content.
        self._database.execute("PRAGMA secure_delete = ON")
        self._database.executescript(_SCHEMA)
        self._secret = store_key(path.parent)
        self._key_digests()

    def stop(self) -> None:
        """Close the file."""
        self._database.close()
        self._owner.close()

    def claim(self, key: bytes, request: bytes) -> SavedAnswer | None:
        """The saved answer of this key; None if the key is now claimed for the caller, who must score.

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
        """Save the answer, before its record is written at `place`.

        Raises:
            IdempotencyUnavailable: the file can't be used: don't write the record.
        """
        named = keyed(self._secret, key)
        values = (place.chain_id.bytes, place.sequence, _ENCODER.encode(answer), named, self._owner.id.bytes)
        with self._statements() as execute:
            execute(_PROMISE, values)

    def confirm(self, key: bytes) -> None:
        """Mark the record as written. If that fails, the next request with the key checks the log."""
        self._confirm(keyed(self._secret, key))

    def release(self, key: bytes) -> None:
        """Release the key, if nothing was recorded under it."""
        with self._statements() as execute:
            execute(_RELEASE, (keyed(self._secret, key), self._owner.id.bytes))

    def _confirm(self, named: bytes) -> None:
        try:
            with self._statements() as execute:
                execute(_CONFIRM, (named,))
        except IdempotencyUnavailable as error:
            logger.warning("%s", error)

    def _key_digests(self) -> None:
        """Migrate, once, unkeyed digests of older versions."""
        execute = self._database.execute
        execute("BEGIN IMMEDIATE")
        if execute(_VERSION).fetchone() == (0,):
            for key, request in execute(_UNKEYED).fetchall():
                execute(_KEY_IT, (keyed(self._secret, key), keyed(self._secret, request), key))
            execute(_KEYED_VERSION)
        execute("COMMIT")

    def _recover(self, named: bytes, claim: _Claim) -> SavedAnswer | None:
        # Check before reading the log: a dead process writes nothing more.
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
        """Run statements of one thread at a time, each in its own transaction."""
        try:
            with self._lock:
                yield self._database.execute
        except sqlite3.Error as error:
            raise IdempotencyUnavailable(
                f"the answers under Idempotency-Key can't be saved ({error}): try again later, or send no key"
            ) from error
