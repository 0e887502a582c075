"""The proof of an answer: its record, disclosed as far as it is about nobody else, and the links to an anchor."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from psycopg2.extensions import connection as Connection

from serve.audit.chain_check import digests_of_facts, follows
from serve.audit.dossier.following import OF_OTHERS as LINKS_OF_OTHERS
from serve.audit.dossier.following import Way, follow, not_as_written
from serve.audit.dossier.proof import ERASED, OF_OTHERS, RENAMED, Content, LedgerEntry, Opened, Proof
from serve.audit.ledger import Erasure, Kind
from serve.audit.stored_rows import LoggedRecord, hash_of
from serve.audit.witnesses import Outside
from serve.prediction_log.chain import GENESIS, as_bytes, beginning, encode_facts, microseconds
from serve.prediction_log.frame import StoredRecord, digest_of


class Prover:
    """Makes proofs of answers from the log's current state."""

    def __init__(self, connection: Connection, outside: Outside, ledger: Sequence[Erasure]) -> None:
        self._connection = connection
        self._outside = outside
        self._ledger = ledger
        self._renamed = digests_of_facts(ledger)

    def prove(self, logged: LoggedRecord, row: int, *, for_citizen: bool) -> Proof:
        """The proof of one answer of a record.

        Raises:
            AuditError: the record, or one between it and its anchor, was changed.
        """
        record, sequence = logged.record, logged.record.facts.sequence
        renamed = self._renamed.get(logged.chain_id, {})
        previous = self._previous(logged, renamed)
        entries = list(self._entries(logged))
        self._check_content(logged)
        way = follow(self._connection, self._outside, logged, renamed)
        if for_citizen and way.links:
            way = Way(way.anchor, (), way.followed_to, LINKS_OF_OTHERS)
        why_closed = _why_closed(record, row, is_renamed=sequence in renamed, for_citizen=for_citizen)
        why_no_content = _why_no_content(record, row)
        return Proof(
            chain_id=str(logged.chain_id),
            sequence=sequence,
            row_count=len(record.probabilities),
            previous=previous.hex(),
            content_digest=record.digest.hex(),
            hash=record.hash.hex(),
            opened=_opened(record) if why_closed is None else None,
            why_not_opened=why_closed,
            content=content_of(record) if why_no_content is None else None,
            why_no_content=why_no_content,
            amendments=entries,
            anchor=way.anchor,
            links=way.links,
            followed_to=way.followed_to,
            why_not_followed=way.why_not,
            made_at=dt.datetime.now(dt.UTC),
        )

    def _previous(self, logged: LoggedRecord, renamed: Mapping[int, bytes]) -> bytes:
        """The hash that the record follows; zeros for older chains."""
        record, sequence = logged.record, logged.record.facts.sequence
        for previous in self._possible(logged.chain_id, sequence):
            if follows(record, as_bytes(record.probabilities), previous, renamed.get(sequence)):
                return previous
        raise not_as_written(logged.chain_id, sequence)

    def _possible(self, chain_id: uuid.UUID, sequence: int) -> Iterable[bytes]:
        if sequence == 1:
            return beginning(chain_id), GENESIS
        found = hash_of(self._connection, chain_id, sequence - 1)
        if found is not None:
            return (found,)
        anchor = self._outside.anchor_of(chain_id)
        return (anchor.expired_hash,) if anchor.expired_sequence == sequence - 1 else ()

    def _check_content(self, logged: LoggedRecord) -> None:
        place = logged.chain_id, logged.record.facts.sequence
        left = [
            one.digest
            for one in self._ledger
            if (one.chain_id, one.sequence) == place and one.kind is not Kind.REQUEST_ID
        ]
        if digest_of(logged.record) != (left[-1] if left else logged.record.digest):
            raise not_as_written(*place)

    def _entries(self, logged: LoggedRecord) -> Iterable[LedgerEntry]:
        previous = GENESIS
        for entry in self._ledger:
            if (entry.chain_id, entry.sequence) == (logged.chain_id, logged.record.facts.sequence):
                yield LedgerEntry(
                    entry.number,
                    microseconds(entry.erased_at),
                    entry.sequence,
                    list(entry.rows),
                    entry.kind.value,
                    entry.digest.hex(),
                    previous.hex(),
                    entry.hash.hex(),
                )
            previous = entry.hash


def is_erased(record: StoredRecord, row: int) -> bool:
    """Whether a row was erased: every application has at least one value."""
    return bool(np.isnan(record.features[row]).all())


def content_of(record: StoredRecord) -> Content:
    """The input of the salted digest."""
    return Content(
        record.salt,
        record.application_ids,
        record.applicant_refs,
        bytes(as_bytes(record.features)),
        b"" if record.reasons is None else bytes(as_bytes(record.reasons)),
    )


def _opened(record: StoredRecord) -> Opened:
    return Opened(encode_facts(record.facts), bytes(as_bytes(record.probabilities)))


def _why_closed(record: StoredRecord, row: int, *, is_renamed: bool, for_citizen: bool) -> str | None:
    """Why a record's facts and probabilities are not disclosed; probabilities of other rows have no names."""
    if is_erased(record, row):
        return ERASED
    if is_renamed:
        return RENAMED
    return OF_OTHERS if for_citizen and len(record.probabilities) > 1 else None


def _why_no_content(record: StoredRecord, row: int) -> str | None:
    if is_erased(record, row):
        return ERASED
    return OF_OTHERS if len(record.probabilities) > 1 else None
