"""Verifies the journals against their own hashes: events, review policies, and outcomes."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from psycopg2.extensions import connection as Connection

from fraud.review_policy import PolicyError, check
from fraud.review_policy_table import read_journal
from fraud.schema_version import read_version
from serve.audit.findings import Fault, Finding
from serve.audit.outcomes import OUTCOMES_SINCE, outcome_faults
from serve.journal.ends import ANCHORED_JOURNALS, AnchoredJournal
from serve.journal.event import faults_of
from serve.journal.table import JOURNALS

POLICIES_SINCE: Final = 11
"""Version of the schema."""


def check_journals(connection: Connection) -> Iterator[Finding]:
    """Yield each changed event; a database too old for a journal has none."""
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
    if version >= OUTCOMES_SINCE:
        for told in outcome_faults(connection):
            yield Finding(Fault.CHANGED, told)


Ends = Collection[tuple[int, bytes]]
"""Number and hash of a journal's anchored events."""


def check_ends(connection: Connection, known: Mapping[uuid.UUID, Ends]) -> Iterator[Finding]:
    """Yield each journal whose end does not match or continue what is `known` outside of the database."""
    version = read_version(connection)
    for journal in ANCHORED_JOURNALS:
        if version >= journal.since:
            yield from _check_end(connection, journal, known[journal.chain_id])


def _check_end(connection: Connection, journal: AnchoredJournal, known: Ends) -> Iterator[Finding]:
    end = journal.end(connection)
    last = 0 if end is None else end.sequence
    if last and not known:
        yield Finding(
            Fault.UNWITNESSED, f"nothing shows where {journal.table} ends: missing last events would not be noticed"
        )
    anchored = max((number for number, _ in known), default=0)
    if anchored > last:
        yield Finding(
            Fault.MISSING, f"{journal.table} ends at {last}, but was at {anchored}: its last events are missing"
        )
    found = journal.hashes(connection, (number for number, _ in known))
    for number, end_hash in sorted(known):
        if found.get(number, end_hash) != end_hash:
            yield Finding(Fault.CHANGED, f"event {number} of {journal.table} is not the anchored one")
