"""Is a chain whole and unchanged? Pure computation over its records, the ledger of erasures and the witnesses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from serve.audit.findings import Fault, Finding
from serve.audit.ledger import LEDGER, Erasure, Kind
from serve.audit.stored_rows import UnreadableRecord
from serve.prediction_log.anchors import Anchor
from serve.prediction_log.chain import GENESIS, as_bytes, content_digest, encode_facts, encode_list, record_hash
from serve.prediction_log.frame import StoredRecord
from serve.prediction_log.table import ChainEnd


@dataclass(frozen=True, slots=True)
class Witness:
    """What is known of one chain outside of the database.

    `before` was read before the table and `after` afterwards, since a shipper may be at work; `spooled` are the hashes
    of records that are still in the spool.
    """

    before: Anchor
    after: Anchor
    spooled: Mapping[int, bytes]

    @property
    def is_silent(self) -> bool:
        """Whether nothing is known."""
        return not self.after.sequence and not self.spooled


@dataclass(slots=True)
class ChainCheck:
    """Goes through one chain's records in order; `findings` grows on the way, `end` is the last one's place."""

    chain_id: UUID
    witness: Witness
    erased: Mapping[int, bytes]
    """By sequence: the digest of what an erasure left."""
    renamed: Mapping[int, bytes] = field(default_factory=dict)
    """By sequence: the digest of the facts of a record whose request id was erased."""
    end: ChainEnd | None = None
    findings: list[Finding] = field(default_factory=list)
    records: int = 0

    def see(self, record: StoredRecord) -> None:
        """The next record."""
        sequence = record.facts.sequence
        previous = self._previous(sequence)
        if previous is not None and not follows(record, previous, self.renamed.get(sequence)):
            self._find(Fault.CHANGED, "it does not follow from the record before it", sequence)
        if not self._content_is_sound(record):
            self._find(Fault.CHANGED, "its features or ids are not those that were answered", sequence)
        anchored = self.witness.before
        if sequence == anchored.sequence and record.hash != anchored.hash:
            self._find(Fault.CHANGED, "its hash is not the one anchored outside of the database", sequence)
        self.end = ChainEnd(self.chain_id, sequence, record.hash)
        self.records += 1

    def see_unreadable(self, record: UnreadableRecord) -> None:
        """The next record, of which only its place can be told: what follows it is checked against its hash."""
        self._previous(record.sequence)
        self._find(Fault.CHANGED, f"it can't be read: {record.why}", record.sequence)
        self.end = ChainEnd(self.chain_id, record.sequence, record.hash)
        self.records += 1

    def finish(self, mark: ChainEnd | None) -> None:
        """The chain has no further record; `mark` is how far the table of chains says it is."""
        if self.end is None:
            self._finish_empty()
            return
        if mark != self.end:
            self._find(Fault.CHANGED, "the table of chains gives another end", self.end.sequence)
        if self.witness.is_silent:
            self._find(Fault.UNWITNESSED, "it has no anchor here: audit it where it was written")
        else:
            self._compare_end(self.end)

    def _finish_empty(self) -> None:
        anchor = self.witness.before
        if anchor.sequence > self.witness.after.expired_sequence:
            self._find(Fault.MISSING, f"all records up to {anchor.sequence} are gone")

    def _compare_end(self, end: ChainEnd) -> None:
        before, after = self.witness.before, self.witness.after
        if end.sequence < before.sequence:
            self._find(Fault.MISSING, f"records {end.sequence + 1} to {before.sequence} are gone from its end")
        elif end.sequence == after.sequence and end.hash != after.hash:
            self._find(Fault.CHANGED, "its hash is not the one anchored outside of the database", end.sequence)
        elif end.sequence > after.sequence and self.witness.spooled.get(end.sequence) != end.hash:
            self._find(Fault.FORGED, f"records behind {after.sequence} were written by no server process", end.sequence)

    def _previous(self, sequence: int) -> bytes | None:
        """The hash that the record at `sequence` must follow; None where it is not known, which is a finding."""
        if self.end is not None:
            if sequence == self.end.sequence + 1:
                return self.end.hash
            self._missing(self.end.sequence + 1, sequence - 1)
            return None
        expired = self.witness.after
        if sequence == 1:
            return GENESIS
        if sequence == expired.expired_sequence + 1:
            return expired.expired_hash
        if sequence > expired.expired_sequence:
            self._missing(expired.expired_sequence + 1, sequence - 1)
        return None  # retention was stopped halfway: what is before is to go as well

    def _content_is_sound(self, record: StoredRecord) -> bool:
        ids, refs = encode_list(record.application_ids), encode_list(record.applicant_refs)
        found = content_digest(record.salt, ids, refs, as_bytes(record.features))
        return found == self.erased.get(record.facts.sequence, record.digest)

    def _missing(self, first: int, last: int) -> None:
        self._find(Fault.MISSING, f"records {first} to {last} are gone")

    def _find(self, fault: Fault, what: str, sequence: int | None = None) -> None:
        self.findings.append(Finding(fault, what, self.chain_id, sequence))


def follows(record: StoredRecord, previous: bytes, renamed: bytes | None) -> bool:
    """Whether a record is what its hash was made of, after a record with the hash `previous`.

    Where its request id was erased, that can't be told any more; `renamed` is then the digest of what was left.
    """
    if renamed is not None:
        return facts_digest(record, previous) == renamed
    facts = encode_facts(record.facts)
    return record_hash(previous, record.digest, facts, as_bytes(record.probabilities)) == record.hash


def facts_digest(record: StoredRecord, previous: bytes) -> bytes:
    """What binds all that is chained of a record, its hash as it was made, and the record before it."""
    return hashlib.sha256(
        b"".join((previous, record.hash, record.digest, encode_facts(record.facts), as_bytes(record.probabilities)))
    ).digest()


def check_ledger(ledger: Sequence[Erasure], ends: Iterable[Anchor]) -> Iterator[Finding]:
    """The ledger's own chain, which has to end at one of `ends`."""
    previous, expected = GENESIS, 1
    for entry in ledger:
        if entry.number != expected or entry.hash != entry.expected_hash(previous):
            yield Finding(Fault.CHANGED, "the ledger of erasures is not what was written", LEDGER, entry.number)
        previous, expected = entry.hash, entry.number + 1
    found = (expected - 1, previous)
    if found not in {(end.sequence, end.hash) for end in ends}:
        yield Finding(Fault.CHANGED, "the ledger of erasures ends elsewhere than its anchor says", LEDGER, found[0])


def digests_after_erasure(ledger: Sequence[Erasure]) -> dict[UUID, dict[int, bytes]]:
    """By chain and sequence: the digest of the content that the last erasure left."""
    return _digests(entry for entry in ledger if entry.kind is not Kind.REQUEST_ID)


def digests_of_facts(ledger: Sequence[Erasure]) -> dict[UUID, dict[int, bytes]]:
    """By chain and sequence: the digest of the facts, where the request id was erased."""
    return _digests(entry for entry in ledger if entry.kind is Kind.REQUEST_ID)


def _digests(entries: Iterable[Erasure]) -> dict[UUID, dict[int, bytes]]:
    found: dict[UUID, dict[int, bytes]] = {}
    for entry in entries:
        found.setdefault(entry.chain_id, {})[entry.sequence] = entry.digest
    return found
