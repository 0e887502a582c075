"""What people did, against its own hashes: the journals of events, and the one of review policies."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from psycopg2.extensions import connection as Connection

from fraud.review_policy import PolicyError, check
from fraud.review_policy_table import read_journal
from fraud.schema_version import read_version
from serve.audit.findings import Fault, Finding
from serve.journal.ends import ANCHORED_JOURNALS, AnchoredJournal
from serve.journal.event import faults_of
from serve.journal.table import JOURNALS

POLICIES_SINCE: Final = 11
"""Version of the schema."""


def check_journals(connection: Connection) -> Iterator[Finding]:
    """Each event that is not what was written; a database that is too old for a journal has none."""
    version = read_version(connection)
    if version >= POLICIES_SINCE:
        try:
            check(read_journal(connection))
        except PolicyError as error:
            yield Finding(Fault.CHANGED, str(error))
    for journal in JOURNALS:
        if version >= journal.since:
            for number, fault in faults_of(journal.events(connection)):
                yield Finding(Fault.CHANGED, f"event {number} of {journal.table}: {fault}")


Ends = Collection[tuple[int, bytes]]
"""Number and hash of events that were a journal's last once."""


def check_ends(connection: Connection, known: Mapping[uuid.UUID, Ends]) -> Iterator[Finding]:
    """Each journal whose end is not, or goes not on from, what is `known` of it outside of the database."""
    version = read_version(connection)
    for journal in ANCHORED_JOURNALS:
        if version >= journal.since:
            yield from _check_end(connection, journal, known[journal.chain_id])


def _check_end(connection: Connection, journal: AnchoredJournal, known: Ends) -> Iterator[Finding]:
    end = journal.end(connection)
    last = 0 if end is None else end.sequence
    if last and not known:
        yield Finding(
            Fault.UNWITNESSED, f"nothing says where {journal.table} ends: its last events could be gone unseen"
        )
    anchored = max((number for number, _ in known), default=0)
    if anchored > last:
        yield Finding(Fault.MISSING, f"{journal.table} ends at {last}, and was at {anchored}: its last events are gone")
    found = journal.hashes(connection, (number for number, _ in known))
    for number, end_hash in sorted(known):
        if found.get(number, end_hash) != end_hash:
            yield Finding(Fault.CHANGED, f"event {number} of {journal.table} is not the one that was anchored")
