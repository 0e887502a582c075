"""How a record is changed that must not be: in one transaction with an entry in the ledger, which says what was left.

A record's hash covers a salted digest of what points at a person and not the values, so its chain still verifies. The
old salt goes too: without it nobody can find out from the digest what the values were. The digest of what is left
stands in the ledger, so that it can't be changed afterwards either.
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
"""Held to its end by a transaction during which nobody else may amend anything."""


class Amendment:
    """One transaction that changes records; nothing of it counts before `commit`."""

    def __init__(self, connection: Connection, anchors: Anchors) -> None:
        """Wait for others that amend, and read what they did."""
        self._connection = connection
        self._anchors = anchors
        with connection.cursor() as cursor:
            cursor.execute(LOCK)
        self._ledger = read_ledger(connection)
        self._contents = digests_after_erasure(self._ledger)
        self._facts = digests_of_facts(self._ledger)
        self._now = dt.datetime.now(dt.UTC)

    def check_content(self, logged: LoggedRecord) -> None:
        """Look whether ids, pseudonyms, features and reasons are what was answered, or what was left of it.

        Raises:
            AuditError: they are not: an entry in the ledger would make the change look right.
        """
        record = logged.record
        expected = self._contents.get(logged.chain_id, {}).get(record.facts.sequence, record.digest)
        if digest_of(record) != expected:
            raise _changed(logged)

    def check_facts(self, logged: LoggedRecord) -> bytes:
        """Look whether a record follows from the one before it; gives the hash of that one.

        Raises:
            AuditError: it does not, or the one before it is gone, so that nobody can tell.
        """
        sequence = logged.record.facts.sequence
        previous = self._hash_before(logged.chain_id, sequence)
        if sequence == 1 and not self._follows(logged, previous):
            previous = GENESIS  # as chains of before begin
        if not self._follows(logged, previous):
            raise _changed(logged)
        return previous

    def enter(self, logged: LoggedRecord, kind: Kind, rows: Sequence[int], digest: bytes) -> None:
        """Write into the ledger what was changed of a record, and the digest of what is left."""
        place = ChainEnd(logged.chain_id, logged.record.facts.sequence, logged.record.hash)
        entry = new_entry(end_of(self._ledger), self._now, place, rows, digest, kind=kind)
        append(self._connection, entry)
        self._ledger.append(entry)

    def commit(self) -> None:
        """End the transaction, and write down outside of the database how far the ledger is: before, as a kill may come
        between, and afterwards.
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
            raise AuditError(f"the record before record {sequence} of chain {chain_id} is gone: nothing is changed")
        return anchor.expired_hash


def _changed(logged: LoggedRecord) -> AuditError:
    place = f"record {logged.record.facts.sequence} of chain {logged.chain_id}"
    return AuditError(f"{place} is not what was answered: `python -m serve.audit verify` tells more; nothing erased")
