"""Anchors of the journals' ends outside of the database, as for chains (`serve/prediction_log/`).

A journal's hashes reveal changed, removed or moved events inside it, but not events cut off or replaced at its end. So
its last number and hash are anchored too: signed with AUDIT_KEY, and sent to ANCHOR_URL.
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
    """A journal lacks anchored events: its anchor stays, so that `verify` reports it."""


@dataclass(frozen=True, slots=True)
class AnchoredJournal:
    """A journal whose end is anchored; `chain_id` identifies it among the anchors of chains."""

    table: str
    chain_id: uuid.UUID
    since: int
    """First schema version in which the server may read its end."""

    def end(self, connection: Connection) -> ChainEnd | None:
        """Its last event; None if it is empty."""
        with connection.cursor() as cursor:
            cursor.execute(_LAST.format(table=self._name))
            found = cursor.fetchone()
        return None if found is None else ChainEnd(self.chain_id, found[0], bytes(found[1]))

    def hashes(self, connection: Connection, numbers: Iterable[int]) -> dict[int, bytes]:
        """Hashes of the given events, as far as they exist."""
        with connection.cursor() as cursor:
            cursor.execute(_SOME.format(table=self._name), (list(numbers),))
            return {number: bytes(end) for number, end in cursor.fetchall()}

    @property
    def _name(self) -> sql.Identifier:
        return sql.Identifier("public", self.table)


PERSON_EVENTS: Final = AnchoredJournal("person_events", uuid.UUID(int=3), since=19)
REVIEW_POLICIES: Final = AnchoredJournal("review_policies", uuid.UUID(int=4), since=19)
CASE_EVENTS: Final = AnchoredJournal("case_events", uuid.UUID(int=5), since=21)
OUTCOMES: Final = AnchoredJournal("outcomes", uuid.UUID(int=6), since=22)
ANCHORED_JOURNALS: Final = (PERSON_EVENTS, REVIEW_POLICIES, CASE_EVENTS, OUTCOMES)
"""All except the ledger of erasures, whose anchor moves with each erasure (`serve/audit/amendment.py`)."""


def anchor_journals(dsn: str, book: AnchorBook) -> None:
    """Anchor the current ends of the journals; an anchor must continue the previous one.

    Raises:
        JournalCut: a journal does not continue its anchor.
        DatabaseError, psycopg2.Error: PostgreSQL does not answer, or refuses.
    """
    with connect(dsn, APPLICATION_NAME) as connection:
        version = read_version(connection)
        journals = [journal for journal in ANCHORED_JOURNALS if version >= journal.since]
        cut = [journal.table for journal in journals if not _goes_on(connection, journal, book)]
    if cut:
        raise JournalCut(f"{', '.join(cut)}: anchored events are missing: see `python -m serve.audit verify`")


def _goes_on(connection: Connection, journal: AnchoredJournal, book: AnchorBook) -> bool:
    known = book.known(journal.chain_id)
    if known.sequence and journal.hashes(connection, [known.sequence]) != {known.sequence: known.hash}:
        return False
    end = journal.end(connection)
    if end is not None and end.sequence > known.sequence:
        book.move(end)
    return True
