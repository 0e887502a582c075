"""Where each journal ends, written down outside of the database as the ends of chains are (`serve/prediction_log/`).

A journal's hashes show what was changed, removed or moved inside of it; events at its end could still be cut off, or
cut off and replaced by others. So its last number and hash are an anchor too: signed with AUDIT_KEY, and sent to
ANCHOR_URL.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from fraud.database import connect
from fraud.errors import ProjectError
from fraud.schema_version import read_version
from serve.prediction_log.anchor_book import AnchorBook
from serve.prediction_log.table import ChainEnd

APPLICATION_NAME: Final = "journals"

_LAST: Final = sql.SQL("SELECT number, hash FROM {table} ORDER BY number DESC LIMIT 1")
_SOME: Final = sql.SQL("SELECT number, hash FROM {table} WHERE number = ANY (%s)")


class JournalCut(ProjectError):
    """A journal lacks what was anchored of it: its anchor stays, so that `verify` tells of it."""


@dataclass(frozen=True, slots=True)
class AnchoredJournal:
    """A journal whose end has an anchor; `chain_id` stands for it among the anchors of chains."""

    table: str
    chain_id: uuid.UUID
    since: int
    """Version of the schema from which on the server may read where it ends."""

    def end(self, connection: Connection) -> ChainEnd | None:
        """Its last event; None where it has none."""
        with connection.cursor() as cursor:
            cursor.execute(_LAST.format(table=self._name))
            found = cursor.fetchone()
        return None if found is None else ChainEnd(self.chain_id, found[0], bytes(found[1]))

    def hashes(self, connection: Connection, numbers: Iterable[int]) -> dict[int, bytes]:
        """Of those events that are there."""
        with connection.cursor() as cursor:
            cursor.execute(_SOME.format(table=self._name), (list(numbers),))
            return {number: bytes(end) for number, end in cursor.fetchall()}

    @property
    def _name(self) -> sql.Identifier:
        return sql.Identifier("public", self.table)


PERSON_EVENTS: Final = AnchoredJournal("person_events", uuid.UUID(int=3), 19)
REVIEW_POLICIES: Final = AnchoredJournal("review_policies", uuid.UUID(int=4), 19)
CASE_EVENTS: Final = AnchoredJournal("case_events", uuid.UUID(int=5), 21)
ANCHORED_JOURNALS: Final = (PERSON_EVENTS, REVIEW_POLICIES, CASE_EVENTS)
"""Beside the ledger of erasures, whose anchor moves with each erasure (`serve/audit/amendment.py`)."""


def anchor_journals(dsn: str, book: AnchorBook) -> None:
    """Write down where the journals end now; an anchor only goes on from what it says already.

    Raises:
        JournalCut: one does not go on from its anchor.
        DatabaseError, psycopg2.Error: PostgreSQL does not answer, or refuses.
    """
    with connect(dsn, APPLICATION_NAME) as connection:
        version = read_version(connection)
        there = [journal for journal in ANCHORED_JOURNALS if version >= journal.since]
        cut = [journal.table for journal in there if not _goes_on(connection, journal, book)]
    if cut:
        raise JournalCut(f"{', '.join(cut)}: events that were there are gone: see `python -m serve.audit verify`")


def _goes_on(connection: Connection, journal: AnchoredJournal, book: AnchorBook) -> bool:
    known = book.known(journal.chain_id)
    if known.sequence and journal.hashes(connection, [known.sequence]) != {known.sequence: known.hash}:
        return False
    end = journal.end(connection)
    if end is not None and end.sequence > known.sequence:
        book.move(end)
    return True
