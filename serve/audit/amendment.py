"""Amendment of records, which are otherwise immutable: in one transaction with an entry in the ledger, which has a
digest of what is left.

A record's hash covers a salted digest of its personal data, not the values, so its chain still verifies. The old salt
is deleted too: without it the digest does not reveal the values. The digest of what is left is in the ledger, so that
it can't be changed later either.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Final

from psycopg2.extensions import connection as Connection

from serve.audit.chain_check import digests_after_erasure, digests_of_facts, follows
from serve.audit.errors import AuditError
from serve.audit.ledger import LEDGER, LEDGER_PENDING, Kind, append, end_of, new_entry, read_ledger
from serve.audit.stored_rows import LoggedRecord, hash_of
from serve.prediction_log.anchor import Anchor
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.chain import GENESIS, as_bytes, beginning
from serve.prediction_log.frame import digest_of
from serve.prediction_log.table import ChainEnd

LOCK: Final = "SELECT pg_advisory_xact_lock(7211975)"
"""Lock held by an amending transaction until its end, so that only one runs at a time."""


class Amendment:
    """One transaction that changes records; effective only after `commit`."""

    def __init__(self, connection: Connection, anchors: Anchors) -> None:
        """Wait for other amendments, and read the ledger."""
        self._connection = connection
        self._anchors = anchors
        with connection.cursor() as cursor:
            cursor.execute(LOCK)
        self._ledger = read_ledger(connection)
        self._contents = digests_after_erasure(self._ledger)
        self._facts = digests_of_facts(self._ledger)
        self._now = dt.datetime.now(dt.UTC)

    def check_content(self, logged: LoggedRecord) -> None:
        """Check that ids, pseudonyms, features and reasons are as answered, or as left by an erasure.

        Raises:
            AuditError: they are not: an entry in the ledger would make the change look right.
        """
        record = logged.record
        expected = self._contents.get(logged.chain_id, {}).get(record.facts.sequence, record.digest)
        if digest_of(record) != expected:
            raise _changed(logged)

    def check_facts(self, logged: LoggedRecord) -> bytes:
        """Check that a record follows from the previous one; returns the previous hash.

        Raises:
            AuditError: it does not, or the previous record is missing.
        """
        sequence = logged.record.facts.sequence
        previous = self._hash_before(logged.chain_id, sequence)
        if sequence == 1 and not self._follows(logged, previous):
            previous = GENESIS  # as older chains begin
        if not self._follows(logged, previous):
            raise _changed(logged)
        return previous

    def enter(self, logged: LoggedRecord, kind: Kind, rows: Sequence[int], digest: bytes) -> None:
        """Write the changes of a record, and the digest of what is left, to the ledger."""
        place = ChainEnd(logged.chain_id, logged.record.facts.sequence, logged.record.hash)
        entry = new_entry(end_of(self._ledger), self._now, place, rows, digest, kind=kind)
        append(self._connection, entry)
        self._ledger.append(entry)

    def commit(self) -> None:
        """Commit the transaction, and anchor the ledger's end outside of the database: before the commit, in case of a
        kill in between, and after it.
        """
        self._anchor(LEDGER_PENDING)
        self._connection.commit()
        self._anchor(LEDGER)

    def _follows(self, logged: LoggedRecord, previous: bytes) -> bool:
        record = logged.record
        renamed = self._facts.get(logged.chain_id, {}).get(record.facts.sequence)
        return follows(record, as_bytes(record.probabilities), previous, renamed)

    def _anchor(self, chain_id: uuid.UUID) -> None:
        end = end_of(self._ledger)
        self._anchors.write(chain_id, Anchor(sequence=end.sequence, hash=end.hash), durable=True)

    def _hash_before(self, chain_id: uuid.UUID, sequence: int) -> bytes:
        if sequence == 1:
            return beginning(chain_id)
        found = hash_of(self._connection, chain_id, sequence - 1)
        if found is not None:
            return found
        anchor = self._anchors.of(chain_id)
        if anchor is None or anchor.expired_sequence != sequence - 1:
            raise AuditError(f"the record before record {sequence} of chain {chain_id} is missing: nothing was changed")
        return anchor.expired_hash


def _changed(logged: LoggedRecord) -> AuditError:
    place = f"record {logged.record.facts.sequence} of chain {logged.chain_id}"
    return AuditError(f"{place} is not as answered: see `python -m serve.audit verify`; nothing was erased")
