"""The ledger of erasures: one entry for each record erased or rekeyed, each chained by hash to the one before."""

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
"""Id of the ledger among the anchors of chains."""
LEDGER_PENDING: Final = uuid.UUID(int=1)
"""Anchor of the ledger's end after a pending commit: written before it, in case of a kill in between."""

CLOSURES: Final = uuid.UUID(int=2)
"""Id of the list of closed chains among the anchors (`closures.py`)."""
JOURNAL_ENDS: Final = frozenset(journal.chain_id for journal in ANCHORED_JOURNALS)
"""Ids of the journals among the anchors."""
NO_CHAINS: Final = frozenset({LEDGER, LEDGER_PENDING, CLOSURES}) | JOURNAL_ENDS
"""All anchored things that are not chains of records."""

LEAST_NUMBER: Final = -(2**63)
"""Lower than any real number, so that forged entries are read too."""

_READ: Final = """
    SELECT number, CASE WHEN erased_at BETWEEN '0001-01-02' AND '9999-12-30' THEN erased_at ELSE 'epoch' END,
        coalesce(chain_id, %s)::text, coalesce(sequence, 0), coalesce(row_numbers, '{}'), coalesce(content_digest, ''),
        coalesce(hash, ''), coalesce(to_jsonb(entry) ->> 'kind', 'person')
    FROM public.prediction_erasures AS entry WHERE number >= %s ORDER BY number
"""
"""Values that no erasure writes are read as others, so their hash does not match."""
_APPEND: Final = """
    INSERT INTO public.prediction_erasures
        (number, erased_at, chain_id, sequence, row_numbers, content_digest, hash, kind)
    VALUES (%s, %s, %s::uuid, %s, %s, %s, %s, %s)
"""


class Kind(StrEnum):
    """Kinds of entries."""

    PERSON = "person"
    """Features, ids and pseudonyms of rows were erased; the digest is of the remaining content."""
    REQUEST_ID = "request_id"
    """The request id was replaced; the digest is of the remaining facts (`chain_check.py`)."""
    REKEYED = "rekeyed"
    """Pseudonyms of rows were moved to another key; the digest is of the new content."""
    UNKNOWN = "unknown"
    """An unknown kind, which no entry is written with, so its hash does not match."""

    @classmethod
    def _missing_(cls, value: object) -> Kind:
        return cls.UNKNOWN


@dataclass(frozen=True, slots=True)
class Erasure:
    """One record that was partly erased or rekeyed; `digest` is that of what is left."""

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
            *(() if self.kind is Kind.PERSON else (self.kind.value,)),  # at first there was only this kind
        )
        return hashlib.sha256(previous + msgspec.msgpack.encode(facts)).digest()


def new_entry(
    end: ChainEnd, erased_at: dt.datetime, record: ChainEnd, rows: Sequence[int], digest: bytes, *, kind: Kind
) -> Erasure:
    """The entry after the ledger's `end`, about the record at a place in its chain."""
    blank = Erasure(end.sequence + 1, erased_at, record.chain_id, record.sequence, rows, digest, b"", kind)
    return dataclasses.replace(blank, hash=blank.expected_hash(end.hash))


def read_ledger(connection: Connection, first: int = LEAST_NUMBER) -> list[Erasure]:
    """All entries from the number `first` on, oldest first."""
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
    """The ledger's end."""
    return ChainEnd(LEDGER, ledger[-1].number, ledger[-1].hash) if ledger else ChainEnd(LEDGER, 0, GENESIS)
