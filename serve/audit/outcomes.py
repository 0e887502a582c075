"""Verifies outcomes against their own hashes: each entry must follow from the one before, and only erased entries may
be blank.

`append_outcome` in PostgreSQL writes the chain (`initdb/migrations/versions/v0022_outcomes.sql` defines how an entry is
hashed); it is recomputed here.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import struct
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from psycopg2.extensions import connection as Connection

from serve.prediction_log.chain import GENESIS, microseconds

OUTCOMES_SINCE: Final = 22
"""Version of the schema."""
_FETCHED: Final = 1000
# Times out of range, which the project never writes, are read as 1970, so their hash does not match.
_ENTRIES: Final = """
    SELECT number, CASE WHEN recorded_at BETWEEN '0001-01-02' AND '9999-12-30' THEN recorded_at ELSE 'epoch' END,
        author, act, application_id, "Divorce", to_char(valid_on, 'YYYY-MM-DD'), source, looked_at_probability, salt,
        erases, digest, hash
    FROM public.outcomes ORDER BY number
"""
_OTHER_SUBMISSIONS: Final = """
    SELECT submission.number
    FROM public.label_submissions AS submission
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE act = 'outcome') AS recorded,
            count(*) FILTER (WHERE act = 'correction') AS corrected,
            count(*) FILTER (WHERE act = 'withdrawal') AS withdrawn, bool_and(author = submission.author) AS is_theirs
        FROM public.outcomes WHERE outcomes.submission = submission.number
    ) AS entries
    WHERE (submission.recorded, submission.corrected, submission.withdrawn)
            <> (entries.recorded, entries.corrected, entries.withdrawn)
        OR NOT entries.is_theirs
    ORDER BY submission.number
"""
"""Submissions whose counts or author differ from their entries'; erasures don't remove entries from a submission."""


class Entry(NamedTuple):
    """One row of `public.outcomes`."""

    number: int
    recorded_at: dt.datetime
    author: str
    act: str
    application_id: str | None
    divorce: int | None
    valid_on: str | None
    source: str | None
    looked_at_probability: float | None
    salt: bytes | None
    erases: list[int] | None
    digest: bytes | None
    hash: bytes

    def expected_digest(self) -> bytes:
        """The digest of a non-blank entry's content."""
        weight = self.looked_at_probability
        said = (
            self.application_id,
            _text(self.divorce),
            self.valid_on,
            self.source,
            None if weight is None else struct.pack(">f", weight).hex(),
        )
        return hashlib.sha256(bytes(self.salt or b"") + b"".join(map(_hashed, said))).digest()

    def expected_hash(self, previous: bytes) -> bytes:
        """The hash that this entry has after the one with hash `previous`."""
        erases = None if self.erases is None else ",".join(map(str, self.erases))
        facts = (str(self.number), str(microseconds(self.recorded_at)), self.author, self.act, erases)
        return hashlib.sha256(previous + b"".join(map(_hashed, facts)) + bytes(self.digest or b"")).digest()


def outcome_faults(connection: Connection) -> Iterator[str]:
    """The faults of the entries; memory grows only with erased ones. Requires a transaction."""
    with connection.cursor("entries of outcomes") as cursor:
        cursor.itersize = _FETCHED
        cursor.execute(_ENTRIES)
        yield from faults_of(Entry(*row) for row in cursor)
    with connection.cursor() as cursor:
        cursor.execute(_OTHER_SUBMISSIONS)
        for (number,) in cursor.fetchall():
            yield f"submission {number} of labels does not match its entries"


def faults_of(entries: Iterable[Entry]) -> Iterator[str]:
    """One sentence for each fault. After a fault the check continues from the stored entry."""
    number, previous = 0, GENESIS
    blank: set[int] = set()
    erased: set[int] = set()
    for entry in entries:
        number += 1
        if entry.number != number:
            yield f"entries {number} to {entry.number - 1} of outcomes are missing"
        elif bytes(entry.hash) != entry.expected_hash(previous):
            yield f"entry {number} of outcomes was changed"
        elif entry.act == "erasure":
            erased.update(entry.erases or ())
        elif entry.application_id is None:
            blank.add(number)
        elif bytes(entry.digest or b"") != entry.expected_digest():
            yield f"entry {number} of outcomes does not say what was written"
        number, previous = entry.number, bytes(entry.hash)
    for one in sorted(blank - erased):
        yield f"entry {one} of outcomes is blank, but was not erased"
    for one in sorted(erased - blank):
        yield f"entry {one} of outcomes was erased, but exists"


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)


def _hashed(text: str | None) -> bytes:
    if text is None:
        return b"-:"
    written = text.encode()
    return str(len(written)).encode() + b":" + written
