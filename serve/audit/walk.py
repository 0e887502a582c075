"""A verification's pass through the log, step by step; `verification.py` explains why it is sound."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from psycopg2.extensions import connection as Connection

from serve.audit.binary_rows import LAST_TIME_US, UnreadableRecord
from serve.audit.cases import check_cases
from serve.audit.chain_check import ChainCheck, Witness, check_ledger
from serve.audit.checkpoint import Checkpoint, CheckpointError, OpenChain
from serve.audit.closures import Closure, check_closures, read_closures
from serve.audit.collected_since import collected_up_to, compare_collected, stored_hashes
from serve.audit.definitions import check_definitions
from serve.audit.findings import Fault, Finding, Findings
from serve.audit.journals import check_ends, check_journals
from serve.audit.ledger import LEAST_NUMBER, LEDGER, LEDGER_PENDING, NO_CHAINS, Erasure, Kind, end_of, read_ledger
from serve.audit.stored_rows import LogReader, Place, place_of, snapshot
from serve.audit.witnesses import KnownAnchors, Outside, check_spool, spooled_hash
from serve.journal.ends import ANCHORED_JOURNALS
from serve.prediction_log.anchor import Anchor
from serve.prediction_log.chain import GENESIS
from serve.prediction_log.errors import SpoolError
from serve.prediction_log.table import ChainEnd

READINGS_OF_LEDGER: Final = 5
"""Retries: an erasure updates ledger and anchors one after the other; both are read again while one is running."""

Marks = Mapping[uuid.UUID, ChainEnd]


@dataclass(slots=True)
class Walk:
    """The state of a verification."""

    connection: Connection
    outside: Outside
    began_at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    chains: int = 0
    findings: Findings = field(default_factory=Findings)
    ledger: list[Erasure] = field(default_factory=list)
    closures: list[Closure] = field(default_factory=list)
    """Closed chains of servers that are gone."""
    _place: Place | None = None
    """Place of the last record read."""
    _check: ChainCheck | None = None
    """The chain at that place."""
    _records: int = 0
    """Number of records in the chains before it."""
    _erased: dict[uuid.UUID, dict[int, bytes]] = field(default_factory=dict)
    _renamed: dict[uuid.UUID, dict[int, bytes]] = field(default_factory=dict)
    _reader: LogReader = field(init=False)
    _anchors: Mapping[uuid.UUID, Anchor] = field(init=False)
    """Anchors at the beginning: no chain with an anchor may be missing."""
    _ids_since: int | None = field(init=False)

    def __post_init__(self) -> None:
        self._reader = LogReader(self.connection)
        known = self.outside.read_anchors()
        self._anchors, self._ids_since = known.anchors, known.ids_since

    @property
    def records(self) -> int:
        """The number of verified records."""
        return self._records + (0 if self._check is None else self._check.records)

    def expected_records(self) -> int:
        """The estimated number of records."""
        with snapshot(self.connection):
            marked = self._reader.count_marked()
        return max(0, marked - sum(anchor.expired_sequence for anchor in self._anchors.values()))

    def checkpoint(self) -> Checkpoint:
        """A checkpoint for resuming from here, after a step that has read records."""
        check, place = self._check, self._place
        if check is None or place is None:
            raise ValueError("nothing was read yet")
        end = end_of(self.ledger)
        return Checkpoint(
            began_at=self.began_at,
            place=place,
            open_chain=OpenChain(check.hash, check.records, check.witness.before, check.began_without_id_at),
            chains=self.chains,
            records=self._records,
            findings=tuple(self.findings.kept),
            counts=dict(self.findings.counts),
            ledger_number=end.sequence,
            ledger_hash=end.hash,
            collected_from=self.outside.collected.places,
        )

    def go_on_from(self, begun: Checkpoint) -> None:
        """Resume from an earlier verification's checkpoint.

        Raises:
            CheckpointError: the checkpoint does not match this log.
        """
        if begun.collected_from != self.outside.collected.places:
            raise CheckpointError(
                "the interrupted verification had other collected anchors: use the same --anchors, or verify from the "
                "beginning, without --resume"
            )
        place, chain = begun.place, begun.open_chain
        collected = collected_up_to(self.outside.collected, place)
        with snapshot(self.connection):
            ledger = read_ledger(self.connection)
            found = self._reader.hash_at(place)
            stored = stored_hashes(self.connection, collected)
        kept = [entry for entry in ledger if entry.number <= begun.ledger_number]
        has_expired = found is None and self._known(place.chain_id).expired_sequence >= place.sequence
        if (found != chain.hash and not has_expired) or end_of(kept).hash != begun.ledger_hash:
            raise CheckpointError(
                f"the interrupted verification stopped after record {place.sequence} of chain {place.chain_id}, but "
                f"the log has changed there: verify from the beginning, without --resume"
            )
        self.began_at, self.chains, self._records, self._place = begun.began_at, begun.chains, begun.records, place
        self.findings = Findings.of(begun.findings, begun.counts)
        since, known = compare_collected(collected, stored, self._known), frozenset(begun.findings)
        self.findings.extend(finding for finding in since if finding not in known)
        self._learn_erasures(kept)
        self._check = self._new_check(place.chain_id, chain.before)
        self._check.sequence, self._check.hash = place.sequence, chain.hash
        self._check.records, self._check.began_without_id_at = chain.records, chain.began_without_id_at

    def step(self) -> bool:
        """Read and check the next records; False if there are no more."""
        first = None if self._check is None else self._check.chain_id
        with snapshot(self.connection):
            erasures = read_ledger(self.connection, self._next_entry())
            rows = self._reader.page(self._place)
            below = place_of(rows[-1]).chain_id if rows else None
            marks = self._reader.marks(first, below)
        self._learn_erasures(erasures)
        if self._check is not None:
            self._begin_step(self._check)
        self._see(rows, marks, first, below)
        if rows:
            self._place = place_of(rows[-1])
        return bool(rows)

    def check_the_rest(self) -> None:
        """Check everything else: anchors, spool, the whole ledger, definitions, and journals."""
        ledger, before, after = self._quiet_ledger()
        self.findings.extend(after.findings)
        self.findings.extend(check_spool(self.outside.spool))
        self._check_closures(after.anchors)
        if ledger[: len(self.ledger)] != self.ledger:
            self.findings.add(Finding(Fault.CHANGED, "the ledger of erasures was changed meanwhile", LEDGER))
        self.ledger = ledger
        self.findings.extend(check_ledger(ledger, [*_ledger_ends(before.anchors), *_ledger_ends(after.anchors)]))
        # Read before the journals, which only grow, as their anchors do.
        ends = {journal.chain_id: self.outside.ends_of(journal.chain_id) for journal in ANCHORED_JOURNALS}
        with snapshot(self.connection):
            self.findings.extend(check_definitions(self.connection))
            self.findings.extend(check_journals(self.connection))
            self.findings.extend(check_cases(self.connection))
            self.findings.extend(check_ends(self.connection, ends))

    def check_chain(self, chain_id: uuid.UUID) -> Anchor:
        """Check one chain alone, from its first record on; returns its end."""
        check = self._new_check(chain_id)
        mark = self._read_on(check, check.witness.before)
        check.finish(mark)
        return Anchor(sequence=check.sequence, hash=check.hash or GENESIS)

    def _check_closures(self, anchors: Mapping[uuid.UUID, Anchor]) -> None:
        try:
            self.closures = read_closures(self.outside.spool)
        except SpoolError as error:
            self.findings.add(Finding(Fault.DAMAGED, str(error)))
        else:
            self.findings.extend(check_closures(self.closures, anchors))

    def _see(self, rows: Sequence[bytes], marks: Marks, first: uuid.UUID | None, below: uuid.UUID | None) -> None:
        """Check a page, and finish each chain without further records."""
        # Anything with a mark or an anchor is a chain, even if it has no records any more.
        known = marks.keys() | {chain_id for chain_id in self._anchors if _is_between(chain_id, first, below)}
        waiting = sorted(known - NO_CHAINS, reverse=True)
        check, chain = self._check, b"" if self._check is None else self._check.chain_id.bytes
        for row in self._reader.decode(rows):
            if check is None or row.chain != chain:
                chain = row.chain
                chain_id = uuid.UUID(bytes=chain)
                self._finish_before(chain_id, waiting, marks)
                check = self._check = self._new_check(chain_id)
            if isinstance(row, UnreadableRecord):
                check.see_unreadable(row)
            else:
                check.see(row)
        if not rows:
            self._finish_before(None, waiting, marks)

    def _finish_before(self, chain_id: uuid.UUID | None, waiting: list[uuid.UUID], marks: Marks) -> None:
        """Finish the current chain, and those without records before the next one; `waiting` is
        consumed from its end.
        """
        if self._check is not None:
            self._finish(self._check, marks.get(self._check.chain_id))
        while waiting and (chain_id is None or waiting[-1] <= chain_id):
            empty = waiting.pop()
            if empty != chain_id and (self._check is None or empty != self._check.chain_id):
                self._finish(self._new_check(empty, self._anchors.get(empty, Anchor())), marks.get(empty))
        self._check = None

    def _finish(self, check: ChainCheck, mark: ChainEnd | None) -> None:
        anchor = self._known(check.chain_id)
        spooled: dict[int, bytes] = {}
        if check.sequence:
            if check.sequence < anchor.sequence:
                mark = self._read_on(check, anchor)
            if check.sequence > anchor.sequence:
                found = spooled_hash(self.outside.spool, check.chain_id, check.sequence)
                spooled = {} if found is None else {check.sequence: found}
            check.witness = replace(check.witness, before=anchor)
        after = self._known(check.chain_id)
        check.witness = replace(check.witness, after=after, spooled=spooled)
        check.finish(mark)
        self.chains += 1
        self._records += check.records

    def _read_on(self, check: ChainCheck, anchor: Anchor) -> ChainEnd | None:
        """Check records added to a chain after its end; returns its new mark."""
        while True:
            end = Place(check.chain_id, check.sequence, LAST_TIME_US)
            with snapshot(self.connection):
                erasures = read_ledger(self.connection, self._next_entry())
                rows = self._reader.rest_of_chain(end)
                mark = self._reader.mark(check.chain_id)
            self._learn_erasures(erasures)
            check.witness = replace(check.witness, before=anchor)
            self._begin_step(check)
            for row in self._reader.decode(rows):
                if isinstance(row, UnreadableRecord):
                    check.see_unreadable(row)
                else:
                    check.see(row)
            if not rows:
                return mark

    def _known(self, chain_id: uuid.UUID) -> Anchor:
        """A chain's anchor; of a chain without one here, what its own server noted of its beginning."""
        anchor = self.outside.anchor_of(chain_id)
        if anchor.sequence:
            return anchor
        with snapshot(self.connection):
            return self._reader.noted_beginning(chain_id)

    def _new_check(self, chain_id: uuid.UUID, before: Anchor | None = None) -> ChainCheck:
        anchor = self._known(chain_id)
        known = anchor if before is None else before, anchor
        witness = Witness(*known, {}, self._ids_since, self.outside.collected.hashes(chain_id))
        return ChainCheck(chain_id, witness, *self._amended(chain_id), self.findings)

    def _begin_step(self, check: ChainCheck) -> None:
        after = self._known(check.chain_id)
        check.begin_step(replace(check.witness, after=after), *self._amended(check.chain_id))

    def _amended(self, chain_id: uuid.UUID) -> tuple[Mapping[int, bytes], Mapping[int, bytes]]:
        return self._erased.get(chain_id, {}), self._renamed.get(chain_id, {})

    def _next_entry(self) -> int:
        return end_of(self.ledger).sequence + 1 if self.ledger else LEAST_NUMBER

    def _learn_erasures(self, erasures: Sequence[Erasure]) -> None:
        self.ledger += erasures
        for entry in erasures:
            digests = self._renamed if entry.kind is Kind.REQUEST_ID else self._erased
            digests.setdefault(entry.chain_id, {})[entry.sequence] = entry.digest

    def _quiet_ledger(self) -> tuple[list[Erasure], KnownAnchors, KnownAnchors]:
        """The whole ledger, and the anchors read before and after it."""
        for _ in range(READINGS_OF_LEDGER):
            before = self.outside.read_anchors()
            with snapshot(self.connection):
                ledger = read_ledger(self.connection)
            after = self.outside.read_anchors()
            if all(before.anchors.get(end) == after.anchors.get(end) for end in (LEDGER, LEDGER_PENDING)):
                break
        return ledger, before, after


def _is_between(chain_id: uuid.UUID, first: uuid.UUID | None, below: uuid.UUID | None) -> bool:
    return (first is None or chain_id >= first) and (below is None or chain_id < below)


def _ledger_ends(anchors: Mapping[uuid.UUID, Anchor]) -> Iterator[Anchor]:
    """Possible ends of the ledger: at its anchor, or one erasure further if that was killed before it could anchor."""
    anchor = anchors.get(LEDGER, Anchor())
    yield anchor
    pending = anchors.get(LEDGER_PENDING)
    if pending is not None and pending.sequence > anchor.sequence:
        yield pending
