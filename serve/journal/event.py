"""An event of a journal, and the hash chain that reveals changed, removed or moved events.

hash = SHA-256(hash of the event before | facts of this one)
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
import orjson

from serve.prediction_log.chain import GENESIS, microseconds

_ONE_FORM: Final = orjson.OPT_SORT_KEYS


class Event(msgspec.Struct, frozen=True):
    """One act of a person."""

    number: int
    """From 1, without gaps."""
    at: dt.datetime
    person: str
    """The person who did it."""
    kind: str
    facts: str
    """Further facts, as one JSON object; hashed exactly as written."""
    hash: bytes = b""

    def expected_hash(self, previous: bytes) -> bytes:
        """The hash that this event has after the one with hash `previous`."""
        facts = (self.number, microseconds(self.at), self.person, self.kind, self.facts)
        return hashlib.sha256(previous + msgspec.msgpack.encode(facts)).digest()


def next_event(last: Event | None, at: dt.datetime, person: str, kind: str, facts: Mapping[str, Any]) -> Event:
    """The event after the last one; `facts` must be JSON values."""
    number, previous = (1, GENESIS) if last is None else (last.number + 1, last.hash)
    blank = Event(number, at, person, kind, orjson.dumps(facts, option=_ONE_FORM).decode())
    return msgspec.structs.replace(blank, hash=blank.expected_hash(previous))


def faults_of(events: Iterable[Event]) -> Iterator[tuple[int, str]]:
    """The number and the fault of each event that does not follow from the one before. After a fault the check
    continues from the stored event, so that one changed event is one fault, not many.
    """
    number, previous = 0, GENESIS
    for event in events:
        number += 1
        if event.number != number:
            yield number, f"events {number} to {event.number - 1} are missing"
        elif event.hash != event.expected_hash(previous):
            yield number, "it was changed"
        number, previous = event.number, event.hash
