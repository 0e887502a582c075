"""An event of a journal, and what shows that none was changed, removed or moved.

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
    """One thing that somebody did."""

    number: int
    """From 1, without gaps."""
    at: dt.datetime
    person: str
    """Who did it."""
    kind: str
    facts: str
    """What else is to be known, as one JSON object: hashed as it is written here."""
    hash: bytes = b""

    def expected_hash(self, previous: bytes) -> bytes:
        """The hash that this event has after the one with hash `previous`."""
        facts = (self.number, microseconds(self.at), self.person, self.kind, self.facts)
        return hashlib.sha256(previous + msgspec.msgpack.encode(facts)).digest()


def next_event(last: Event | None, at: dt.datetime, person: str, kind: str, facts: Mapping[str, Any]) -> Event:
    """The event after the last one; `facts` are what JSON can say."""
    number, previous = (1, GENESIS) if last is None else (last.number + 1, last.hash)
    blank = Event(number, at, person, kind, orjson.dumps(facts, option=_ONE_FORM).decode())
    return msgspec.structs.replace(blank, hash=blank.expected_hash(previous))


def faults_of(events: Iterable[Event]) -> Iterator[tuple[int, str]]:
    """The number of each event that does not follow from the one before, and what is wrong with it.

    After a fault the chain goes on from what is there, so that one changed event is one fault, not many.
    """
    number, previous = 0, GENESIS
    for event in events:
        number += 1
        if event.number != number:
            yield number, f"events {number} to {event.number - 1} are gone"
        elif event.hash != event.expected_hash(previous):
            yield number, "it is not what was written"
        number, previous = event.number, event.hash
