"""Answers that are recorded and not settled yet: one SQLite file beside the spool, shared by the bridges of a machine.

An application passes three steps; each is on the disk before the next begins:

1. promised: the file holds its answer, and the place in the prediction log that its record is about to take.
2. recorded: the record is written.
3. settled: the broker has the answer. The file forgets the answer at once, and the application's number after `KEEP_S`.

If an application comes again and the promised place is taken, its answer is the promised one: no other process writes
in that chain. If the place is free, nothing was recorded and nothing was answered. A bridge may promise only within
`HOLD_S` after it took an application: if it was stopped for longer, another one may have settled the application, and
the file may have forgotten that.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from serve.idempotency.owners import Owner, is_alive
from serve.idempotency.store_key import keyed, store_key
from serve.prediction_log.place import is_recorded
from serve.prediction_log.record import RecordPlace
from serve.prediction_log.segment import make_folder
from serve.stream.errors import StreamError
from serve.stream.messages import Answer, Message

FOLDER: Final = "stream"
"""Below the spool."""
OWNERS_FOLDER: Final = "owners"
DATABASE_FILE: Final = "answers.sqlite3"
BUSY_TIMEOUT_S: Final = 10.0
HOLD_S: Final = 120.0
KEEP_S: Final = 3_600
"""Much longer than `HOLD_S`, since clocks are set back and forth."""
FORGOTTEN_S: Final = 30 * 86_400
"""After this time an application that never came again is forgotten: the broker has its answer."""
ERASED: Final = b""
"""What is left of an answer after an erasure (`forgetting.py`)."""
WAIT_S: Final = 30.0
"""How long a bridge waits for another one that holds the same application."""
SWEEP_INTERVAL_S: Final = 600.0
_POLL_S: Final = 0.1

_SCHEMA: Final = """
    CREATE TABLE IF NOT EXISTS promised (
        lane TEXT NOT NULL, number INTEGER NOT NULL, body BLOB NOT NULL, owner BLOB NOT NULL,
        chain_id BLOB NOT NULL, sequence INTEGER NOT NULL, answer BLOB NOT NULL, promised_at INTEGER NOT NULL,
        PRIMARY KEY (lane, number)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS settled (
        lane TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, settled_at INTEGER NOT NULL
    );
    CREATE INDEX IF NOT EXISTS settled_by_lane ON settled (lane, last);
"""
_FIND: Final = """
    SELECT number, body, owner, chain_id, sequence, answer FROM promised
    WHERE lane = ? AND number BETWEEN ? AND ?
"""
_SETTLED: Final = "SELECT EXISTS (SELECT 1 FROM settled WHERE lane = ? AND last >= ? AND first <= ?)"
_PROMISE: Final = "INSERT OR REPLACE INTO promised VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_FORGET: Final = "DELETE FROM promised WHERE lane = ? AND number = ?"
_FORGET_ABANDONED: Final = """
    DELETE FROM promised WHERE lane = ? AND number = ? AND owner = ? AND chain_id = ? AND sequence = ?
"""
"""Another bridge may have promised an answer of its own meanwhile."""
_SETTLE: Final = "INSERT INTO settled VALUES (?, ?, ?, ?)"
_SWEEP_SETTLED: Final = "DELETE FROM settled WHERE settled_at < ?"
_SWEEP_PROMISED: Final = "DELETE FROM promised WHERE promised_at < ?"


class RecordedAnswers:
    """The file, as one bridge uses it."""

    def __init__(self, spool: Path, broker: str) -> None:
        """`broker` is the source's name; lanes belong to it.

        Raises:
            StreamError: the file can't be used.
        """
        self._spool = spool
        self._broker = broker
        folder = spool / FOLDER
        self._owners = folder / OWNERS_FOLDER
        make_folder(self._owners)
        self._owner = Owner(self._owners)
        self._secret = store_key(folder)
        self._sweep_at = 0.0
        with _told():
            self._database = sqlite3.connect(folder / DATABASE_FILE, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.execute("PRAGMA secure_delete = ON")
            self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._database.close()
        self._owner.close()

    def recorded(self, messages: Sequence[Message]) -> Mapping[Message, bytes]:
        """The answers that are recorded and not settled, by application; `ERASED` for one that was erased.

        Raises:
            StreamError: another bridge has settled one of them, or holds it for more than `WAIT_S`.
        """
        deadline = time.monotonic() + WAIT_S
        while True:
            with self._transaction() as execute:
                self._refuse_settled(execute, messages)
                found = self._promised(execute, messages)
            on_record, in_work = self._sorted(found)
            if not in_work:
                return on_record
            if time.monotonic() > deadline:
                raise StreamError(f"another bridge of this machine has held {in_work[0].key} for {WAIT_S:g} s")
            time.sleep(_POLL_S)

    def promise(self, answers: Sequence[Answer], place: RecordPlace, taken_at: float) -> None:
        """Keep answers, whose record is about to be written at `place`; `taken_at` by `boot_time`.

        Raises:
            StreamError: another bridge may hold or have settled them: don't write the record.
        """
        if boot_time() - taken_at > HOLD_S:
            raise StreamError(f"applications were held for more than {HOLD_S:g} s: another bridge may hold them now")
        messages = [answer.message for answer in answers]
        with self._transaction() as execute:
            self._refuse_settled(execute, messages)
            for message, row in self._promised(execute, messages).items():
                if row[1] != self._owner.id.bytes:
                    raise StreamError(f"another bridge of this machine holds {message.key}")
            common = (self._owner.id.bytes, place.chain_id.bytes, place.sequence)
            now = int(time.time())
            rows = [
                (
                    self._lane(answer.message),
                    answer.message.number,
                    self._digest(answer.message),
                    *common,
                    answer.body,
                    now,
                )
                for answer in answers
            ]
            self._database.executemany(_PROMISE, rows)

    def settle(self, messages: Sequence[Message]) -> None:
        """Forget the answers, which the broker has now."""
        now = int(time.time())
        with self._transaction() as execute:
            self._database.executemany(_FORGET, [(self._lane(one), one.number) for one in messages])
            for lane, first, last in _runs((self._lane(one), one.number) for one in messages):
                execute(_SETTLE, (lane, first, last, now))
            if time.monotonic() >= self._sweep_at:
                self._sweep_at = time.monotonic() + SWEEP_INTERVAL_S
                execute(_SWEEP_SETTLED, (now - KEEP_S,))
                execute(_SWEEP_PROMISED, (now - FORGOTTEN_S,))

    def _sorted(self, found: Mapping[Message, tuple[Any, ...]]) -> tuple[dict[Message, bytes], list[Message]]:
        """The recorded answers, and the applications that a live bridge may still record."""
        # Checked before the log is read: a dead process writes nothing afterwards.
        alive = {owner: is_alive(self._owners, uuid.UUID(bytes=owner)) for owner in {row[1] for row in found.values()}}
        places = {row[2:4] for row in found.values()}
        written = {
            place: is_recorded(self._spool, RecordPlace(uuid.UUID(bytes=place[0]), place[1])) for place in places
        }
        on_record: dict[Message, bytes] = {}
        in_work: list[Message] = []
        abandoned: list[tuple[Any, ...]] = []
        for message, row in found.items():
            if written[row[2:4]]:
                on_record[message] = row[4]
            elif alive[row[1]] and row[1] != self._owner.id.bytes:
                in_work.append(message)
            else:
                abandoned.append((self._lane(message), message.number, *row[1:4]))
        if abandoned:
            with self._transaction():
                self._database.executemany(_FORGET_ABANDONED, abandoned)
        return on_record, in_work

    def _promised(self, execute: Any, messages: Sequence[Message]) -> dict[Message, tuple[Any, ...]]:
        """Rows of these applications: digest of the body, owner, chain, sequence, answer."""
        by_place = {(self._lane(one), one.number): one for one in messages}
        found: dict[Message, tuple[Any, ...]] = {}
        for lane, first, last in _runs(by_place):
            for number, *row in execute(_FIND, (lane, first, last)):
                message = by_place[lane, number]
                if row[0] == self._digest(message):  # else the row is of an earlier stream of this name
                    found[message] = tuple(row)
        return found

    def _refuse_settled(self, execute: Any, messages: Sequence[Message]) -> None:
        for lane, first, last in _runs((self._lane(one), one.number) for one in messages):
            if execute(_SETTLED, (lane, first, last)).fetchone()[0]:
                raise StreamError(
                    f"a bridge of this machine has answered some of {lane}, {first} to {last}, in the last "
                    f"{KEEP_S / 3600:g} h: nothing is recorded twice"
                )

    def _lane(self, message: Message) -> str:
        return f"{self._broker}/{message.lane}"

    def _digest(self, message: Message) -> bytes:
        return keyed(self._secret, hashlib.sha256(message.body).digest())

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        with _told():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database.execute
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")


def boot_time() -> float:
    """Seconds since the machine was started, including those in which it was suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _runs(places: Iterable[tuple[str, int]]) -> Iterator[tuple[str, int, int]]:
    """Lane, first and last of each run of consecutive numbers."""
    run: tuple[str, int, int] | None = None
    for lane, number in sorted(places):
        if run is not None and run[0] == lane and number == run[2] + 1:
            run = (lane, run[1], number)
            continue
        if run is not None:
            yield run
        run = (lane, number, number)
    if run is not None:
        yield run


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StreamError(f"the file of recorded answers can't be used ({error})") from error
