"""What people did, against its own hashes: the journals of events, and the one of review policies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from psycopg2.extensions import connection as Connection

from fraud.review_policy import PolicyError, check
from fraud.review_policy_table import read_journal
from fraud.schema_version import read_version
from serve.audit.findings import Fault, Finding
from serve.journal.event import faults_of
from serve.journal.table import JOURNALS

POLICIES_SINCE: Final = 11
JOURNALS_SINCE: Final = 13
"""Versions of the schema."""


def check_journals(connection: Connection) -> Iterator[Finding]:
    """Each event that is not what was written; a database that is too old for a journal has none."""
    version = read_version(connection)
    if version >= POLICIES_SINCE:
        try:
            check(read_journal(connection))
        except PolicyError as error:
            yield Finding(Fault.CHANGED, str(error))
    if version >= JOURNALS_SINCE:
        for journal in JOURNALS:
            for number, fault in faults_of(journal.events(connection)):
                yield Finding(Fault.CHANGED, f"event {number} of {journal.table}: {fault}")
