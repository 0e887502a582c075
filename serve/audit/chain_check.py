"""Checks that a chain is complete and unchanged. Pure computation over its records, the ledger of erasures and the
witnesses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from serve.audit.binary_rows import LoggedRow, UnreadableRecord
from serve.audit.findings import Fault, Finding, Findings
from serve.audit.ledger import LEDGER, Erasure, Kind
from serve.prediction_log.anchor import Anchor
from serve.prediction_log.chain import (
    GENESIS,
    beginning,
    content_digest,
    encode_facts,
    encode_list,
    record_hash,
)
from serve.prediction_log.frame import StoredRecord
from serve.prediction_log.table import ChainEnd

ANCHORED_OTHERWISE: Final = "its hash differs from the one anchored outside of the database"
ANCHORED_ELSEWHERE: Final = "its hash differs from the one anchored elsewhere"


@dataclass(frozen=True, slots=True)
class Witness:
    """The evidence about one chain outside of the database. `before` was read before the table and `after` afterwards,
    since a shipper may be running; `spooled` are the hashes of records still in the spool.
    """

    before: Anchor
    after: Anchor
    spooled: Mapping[int, bytes]
    ids_since: int | None = None
    """Since when chains here begin with their id, microseconds since 1970; None if unknown."""
    collected: Mapping[int, bytes] = field(default_factory=dict)
    """Hashes of records anchored elsewhere."""

    @property
    def is_silent(self) -> bool:
        """Whether there is no evidence."""
        return not self.after.sequence and not self.spooled


@dataclass(slots=True)
class ChainCheck:
    """Checks one chain's records in order, adding to `findings`; `sequence` is the last record checked. The records may
    come in steps, each from its own snapshot. Between two steps records may be added at the chain's end, and retention
    may remove some from its beginning, including the next ones.
    """

    chain_id: UUID
    witness: Witness
    erased: Mapping[int, bytes]
    """By sequence: the digest of the content left by an erasure."""
    renamed: Mapping[int, bytes]
    """By sequence: the digest of the facts of a record whose request id was erased."""
    findings: Findings
    sequence: int = 0
    """Sequence of the last record checked; 0 before the first."""
    hash: bytes = b""
    records: int = 0
    may_have_expired: bool = False
    """Whether a step begins, so that retention may have removed the next records since."""
    began_without_id_at: int | None = None
    """Time of its first record, if its hashes don't include its id; microseconds since 1970."""

    def begin_step(self, witness: Witness, erased: Mapping[int, bytes], renamed: Mapping[int, bytes]) -> None:
        """Begin a step: the next record is from a later snapshot, taken before `witness.after` was read."""
        self.witness = witness
        self.erased = erased
        self.renamed = renamed
        self.may_have_expired = True

    def see(self, row: LoggedRow) -> None:
        """Check the next record."""
        facts = row.facts
        sequence = facts.sequence
        # Avoid repeated attribute look-ups: this is called a hundred thousand times a second.
        last = self.sequence
        previous = self.hash if last and sequence == last + 1 else self._previous(sequence)
        if previous is not None and not self._follows(row, previous) and not self._begins_without_id(row):
            self._find(Fault.CHANGED, "it does not follow from the record before it", sequence)
        ids, refs = encode_list(row.application_ids), encode_list(row.applicant_refs)
        digest = content_digest(row.salt, ids, refs, row.features, row.row_count, reasons=row.reasons)
        if digest != self.erased.get(sequence, row.digest):
            self._find(Fault.CHANGED, "its features, ids or reasons were changed", sequence)
        anchored = self.witness.before
        if sequence == anchored.sequence and row.hash != anchored.hash:
            self._find(Fault.CHANGED, ANCHORED_OTHERWISE, sequence)
        if self.witness.collected and self.witness.collected.get(sequence, row.hash) != row.hash:
            self._find(Fault.CHANGED, ANCHORED_ELSEWHERE, sequence)
        self.sequence, self.hash = sequence, row.hash
        self.records += 1
        self.may_have_expired = False

    def see_unreadable(self, record: UnreadableRecord) -> None:
        """Note an unreadable record, of which only the place is known: the one after it is checked against its hash."""
        if not self.sequence or record.sequence != self.sequence + 1:
            self._previous(record.sequence)
        self._find(Fault.CHANGED, f"it can't be read: {record.why}", record.sequence)
        self.sequence, self.hash = record.sequence, record.hash
        self.records += 1
        self.may_have_expired = False

    def finish(self, mark: ChainEnd | None) -> None:
        """End the chain; `mark` is its end in the table of chains."""
        if not self.sequence:
            self._finish_empty()
            return
        expired = self.witness.after
        if self.may_have_expired and expired.expired_sequence > self.sequence:
            self.sequence, self.hash = expired.expired_sequence, expired.expired_hash
        end = ChainEnd(self.chain_id, self.sequence, self.hash)
        if mark != end:
            self._find(Fault.CHANGED, "the table of chains has another end", self.sequence)
        if self.witness.is_silent:
            self._finish_without_witness()
        else:
            self._compare_end(end)

    def _finish_without_witness(self) -> None:
        """Check a chain without a witness. If its hashes don't include its id, renaming it needs no computation. An
        anchor would reveal that; without one, such a chain is accepted only if it is old enough.
        """
        began_at, ids_since = self.began_without_id_at, self.witness.ids_since
        if began_at is not None and ids_since is not None and began_at > ids_since:
            self._find(
                Fault.FORGED,
                "it has no anchor here, and its hashes don't include its id, as those of all chains begun this late do",
            )
        else:
            self._find(Fault.UNWITNESSED, "it has no anchor here: audit it where it was written")

    def _finish_empty(self) -> None:
        anchor = self.witness.before
        if anchor.sequence > self.witness.after.expired_sequence:
            self._find(Fault.MISSING, f"all records up to {anchor.sequence} are missing")

    def _compare_end(self, end: ChainEnd) -> None:
        before, after = self.witness.before, self.witness.after
        if end.sequence < before.sequence:
            self._find(Fault.MISSING, f"records {end.sequence + 1} to {before.sequence} are missing from its end")
        elif end.sequence == after.sequence and end.hash != after.hash:
            self._find(Fault.CHANGED, ANCHORED_OTHERWISE, end.sequence)
        elif end.sequence > after.sequence and self.witness.spooled.get(end.sequence) != end.hash:
            self._find(
                Fault.FORGED, f"records after {after.sequence} were not written by a server process", end.sequence
            )

    def _previous(self, sequence: int) -> bytes | None:
        """The hash that the record at `sequence`, after a gap, must follow; None if unknown. A gap is a finding, unless
        retention was interrupted, which will remove the records before it too.
        """
        expired = self.witness.after
        if self.sequence:
            return self._previous_behind_gap(sequence, self.sequence)
        if sequence == 1:
            return beginning(self.chain_id)
        if sequence == expired.expired_sequence + 1:
            return expired.expired_hash
        if sequence > expired.expired_sequence:
            self._missing(expired.expired_sequence + 1, sequence - 1)
        return None

    def _previous_behind_gap(self, sequence: int, last: int) -> bytes | None:
        expired = self.witness.after
        if sequence <= last:
            self._find(Fault.FORGED, "another record is at its place in the chain", sequence)
        elif not self.may_have_expired or expired.expired_sequence <= last:
            self._missing(last + 1, sequence - 1)
        elif sequence == expired.expired_sequence + 1:
            return expired.expired_hash
        elif sequence > expired.expired_sequence:
            self._missing(expired.expired_sequence + 1, sequence - 1)
        return None

    def _follows(self, row: LoggedRow, previous: bytes) -> bool:
        return follows(row, row.probabilities, previous, self.renamed.get(row.facts.sequence))

    def _begins_without_id(self, row: LoggedRow) -> bool:
        """Whether it is the first record of an older chain, whose hashes don't include its id; this holds for the whole
        chain.
        """
        if row.facts.sequence != 1 or not self._follows(row, GENESIS):
            return False
        self.began_without_id_at = row.facts.recorded_at
        return True

    def _missing(self, first: int, last: int) -> None:
        self._find(Fault.MISSING, f"records {first} to {last} are missing")

    def _find(self, fault: Fault, what: str, sequence: int | None = None) -> None:
        self.findings.add(Finding(fault, what, self.chain_id, sequence))


def follows(
    record: StoredRecord | LoggedRow, probabilities: bytes | memoryview, previous: bytes, renamed: bytes | None
) -> bool:
    """Whether a record matches its hash, after a record with the hash `previous`. If its request id was erased, this
    can't be computed; then `renamed` is the digest of the facts left.
    """
    if renamed is not None:
        return facts_digest(record, probabilities, previous) == renamed
    return record_hash(previous, record.digest, encode_facts(record.facts), probabilities) == record.hash


def facts_digest(record: StoredRecord | LoggedRow, probabilities: bytes | memoryview, previous: bytes) -> bytes:
    """Digest that binds a record's chained facts, its original hash, and the previous hash."""
    return hashlib.sha256(
        b"".join((previous, record.hash, record.digest, encode_facts(record.facts), probabilities))
    ).digest()


def check_ledger(ledger: Sequence[Erasure], ends: Iterable[Anchor]) -> Iterator[Finding]:
    """Check the ledger's own chain, which must end at one of `ends`."""
    previous, expected = GENESIS, 1
    for entry in ledger:
        if entry.number != expected or entry.hash != entry.expected_hash(previous):
            yield Finding(Fault.CHANGED, "the ledger of erasures was changed", LEDGER, entry.number)
        previous, expected = entry.hash, entry.number + 1
    found = (expected - 1, previous)
    if found not in {(end.sequence, end.hash) for end in ends}:
        yield Finding(Fault.CHANGED, "the ledger of erasures does not end where its anchor says", LEDGER, found[0])


def digests_after_erasure(ledger: Sequence[Erasure]) -> dict[UUID, dict[int, bytes]]:
    """By chain and sequence: the digest of the content left by the last erasure."""
    return _digests(entry for entry in ledger if entry.kind is not Kind.REQUEST_ID)


def digests_of_facts(ledger: Sequence[Erasure]) -> dict[UUID, dict[int, bytes]]:
    """By chain and sequence: the digest of the facts, if the request id was erased."""
    return _digests(entry for entry in ledger if entry.kind is Kind.REQUEST_ID)


def _digests(entries: Iterable[Erasure]) -> dict[UUID, dict[int, bytes]]:
    found: dict[UUID, dict[int, bytes]] = {}
    for entry in entries:
        found.setdefault(entry.chain_id, {})[entry.sequence] = entry.digest
    return found
