"""The ledger of erasures: what was erased or rekeyed of which record, each entry chained to the one before by hash."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec
from psycopg2.extensions import connection as Connection

from serve.journal.ends import ANCHORED_JOURNALS
from serve.prediction_log.chain import GENESIS, microseconds
from serve.prediction_log.table import ChainEnd

LEDGER: Final = uuid.UUID(int=0)
"""Stands for the ledger among the anchors of chains."""
LEDGER_PENDING: Final = uuid.UUID(int=1)
"""How far the ledger is once a transaction commits that is about to: written before, since a kill may come between."""

CLOSURES: Final = uuid.UUID(int=2)
"""Stands for the list of closed chains among the anchors (`closures.py`)."""
JOURNAL_ENDS: Final = frozenset(journal.chain_id for journal in ANCHORED_JOURNALS)
"""Stand for the journals of what people did."""
NO_CHAINS: Final = frozenset({LEDGER, LEDGER_PENDING, CLOSURES}) | JOURNAL_ENDS
"""What has an anchor and is no chain of records."""

LEAST_NUMBER: Final = -(2**63)
"""Less than any that an erasure gives, so that an entry that none has written is read as well."""

_READ: Final = """
    SELECT number, CASE WHEN erased_at BETWEEN '0001-01-02' AND '9999-12-30' THEN erased_at ELSE 'epoch' END,
        coalesce(chain_id, %s)::text, coalesce(sequence, 0), coalesce(row_numbers, '{}'), coalesce(content_digest, ''),
        coalesce(hash, ''), coalesce(to_jsonb(entry) ->> 'kind', 'person')
    FROM public.prediction_erasures AS entry WHERE number >= %s ORDER BY number
"""
"""What no erasure writes is read as something else, whose hash is not the one that is there."""
_APPEND: Final = """
    INSERT INTO public.prediction_erasures
        (number, erased_at, chain_id, sequence, row_numbers, content_digest, hash, kind)
    VALUES (%s, %s, %s::uuid, %s, %s, %s, %s, %s)
"""


class Kind(StrEnum):
    """What an entry is about."""

    PERSON = "person"
    """Features, ids and pseudonyms of rows are gone; the digest is of the content that was left."""
    REQUEST_ID = "request_id"
    """The request id is another one; the digest is of the facts that were left (`chain_check.py`)."""
    REKEYED = "rekeyed"
    """Pseudonyms of rows are under another key; the digest is of the content since."""
    UNKNOWN = "unknown"
    """What no entry is written with: its hash is not the one that is there."""

    @classmethod
    def _missing_(cls, value: object) -> Kind:
        return cls.UNKNOWN


@dataclass(frozen=True, slots=True)
class Erasure:
    """One record of which something was erased or rekeyed; `digest` is that of what was left."""

    number: int
    erased_at: dt.datetime
    chain_id: uuid.UUID
    sequence: int
    rows: Sequence[int]
    digest: bytes
    hash: bytes
    kind: Kind = Kind.PERSON

    def expected_hash(self, previous: bytes) -> bytes:
        """The hash that this entry has after the one with hash `previous`."""
        facts = (
            *(self.number, microseconds(self.erased_at), self.chain_id.bytes, self.sequence),
            *(list(self.rows), self.digest),
            *(() if self.kind is Kind.PERSON else (self.kind.value,)),  # of which there was one kind only at first
        )
        return hashlib.sha256(previous + msgspec.msgpack.encode(facts)).digest()


def new_entry(
    end: ChainEnd, erased_at: dt.datetime, record: ChainEnd, rows: Sequence[int], digest: bytes, *, kind: Kind
) -> Erasure:
    """The entry after the ledger's `end`, on the record at a place in its chain."""
    blank = Erasure(end.sequence + 1, erased_at, record.chain_id, record.sequence, rows, digest, b"", kind)
    return dataclasses.replace(blank, hash=blank.expected_hash(end.hash))


def read_ledger(connection: Connection, first: int = LEAST_NUMBER) -> list[Erasure]:
    """All entries from the number `first` on, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_READ, (str(LEDGER), first))
        return [
            Erasure(number, erased_at, uuid.UUID(chain_id), sequence, rows, bytes(digest), bytes(end), Kind(kind))
            for number, erased_at, chain_id, sequence, rows, digest, end, kind in cursor.fetchall()
        ]


def append(connection: Connection, entry: Erasure) -> None:
    """Write an entry at the end of the ledger."""
    with connection.cursor() as cursor:
        cursor.execute(
            _APPEND,
            (
                *(entry.number, entry.erased_at, str(entry.chain_id), entry.sequence),
                *(list(entry.rows), entry.digest, entry.hash, entry.kind.value),
            ),
        )


def end_of(ledger: Sequence[Erasure]) -> ChainEnd:
    """Where the ledger ends."""
    return ChainEnd(LEDGER, ledger[-1].number, ledger[-1].hash) if ledger else ChainEnd(LEDGER, 0, GENESIS)
