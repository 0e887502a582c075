"""`salvage`: write provable records of damaged segments to the log, and report the rest.

A record is proven by the hash of the previous one, from the file or the log. Records missing inside a chain are filled
in; records after a chain's end move its mark and anchor, as the shipper does. It may run beside servers: a mark that
moves meanwhile aborts it.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from serve.audit.damaged_file import DamagedFile, read_damaged
from serve.prediction_log.anchor import Anchor
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.backlog import DAMAGED_FOLDER
from serve.prediction_log.errors import SpoolError
from serve.prediction_log.frame import StoredRecord
from serve.prediction_log.provable import ProvenRecord, claimed_sequences, provable_records
from serve.prediction_log.segment import list_segments
from serve.prediction_log.table import ChainPart, LogTable

LARGEST_SEQUENCE: Final = 2**63 - 2


class Salvaged(msgspec.Struct, frozen=True):
    """The result for one file."""

    file: str
    chain: str | None
    proven: int
    """Number of its records that follow from a known one."""
    shipped: int
    """Number of those that were not in the log."""
    missing: Sequence[int] | None
    """Numbers of its records that are not in the log; None if its original content is unknown."""
    is_kept: bool
    """Whether the file is kept; it is removed if all its records are in the log."""
    why: str


@dataclass(frozen=True, slots=True)
class _Attempt:
    """The intermediate result for one file."""

    path: Path
    file: DamagedFile | None = None
    chain_id: uuid.UUID | None = None
    proven: Sequence[ProvenRecord] = ()
    shipped: int = 0
    why: str = ""


class Salvage:
    """Salvages the damaged files of one spool into its log."""

    def __init__(self, spool: Path, table: LogTable, anchors: Anchors) -> None:
        self._spool = spool
        self._table = table
        self._anchors = anchors

    def run(self) -> list[Salvaged]:
        """Ship the proven records of each file, then report what is still missing, since one file may be a better copy
        of another.

        Raises:
            MarkMoved: a server has shipped records of the same chain meanwhile; records salvaged before stay.
            psycopg2.Error, DatabaseError, OSError: PostgreSQL or the disk refuses.
        """
        folder = self._spool / DAMAGED_FOLDER
        attempts = [self._ship_file(path) for path in (sorted(folder.iterdir()) if folder.is_dir() else ())]
        return [self._close(attempt) for attempt in attempts]

    def _ship_file(self, path: Path) -> _Attempt:
        try:
            file = read_damaged(path)
        except SpoolError as error:
            return _Attempt(path, why=str(error))
        # Name and header may name different chains: the right one is the one in which the records follow.
        tried = [(width, chain_id) for width in file.widths for chain_id in file.chain_ids]
        found = [(self._provable(file, *how), how[1]) for how in tried]
        if not found:
            return _Attempt(path, why="neither its name nor its header names a chain")
        proven, chain_id = max(found, key=lambda found: len(found[0]))
        shipped, why = self._ship(chain_id, [record for _, record in proven])
        return _Attempt(path, file, chain_id, proven, shipped, why)

    def _close(self, attempt: _Attempt) -> Salvaged:
        """Report what is left of a file, and remove it if nothing is."""
        missing, why = self._missing(attempt), attempt.why
        is_kept = missing != [] or bool(why)
        if is_kept:
            why = why or _why_kept(missing)
        else:
            attempt.path.unlink()
            why = "all of its records are in the log"
        chain = None if attempt.chain_id is None else str(attempt.chain_id)
        return Salvaged(attempt.path.name, chain, len(attempt.proven), attempt.shipped, missing, is_kept, why)

    def _provable(self, file: DamagedFile, width: int, chain_id: uuid.UUID) -> list[ProvenRecord]:
        claimed = {sequence for sequence in claimed_sequences(file.data, width) if 0 < sequence < LARGEST_SEQUENCE}
        known = self._known(chain_id, {sequence - 1 for sequence in claimed})
        firsts, is_of_chain = file.firsts(chain_id), file.is_of(chain_id)
        return list(provable_records(file.data, width, firsts, known, is_of_chain=is_of_chain))

    def _known(self, chain_id: uuid.UUID, sequences: Iterable[int]) -> dict[int, bytes]:
        """Hashes of the log's records; for one removed by retention, the anchor's."""
        anchor = self._anchor(chain_id)
        known = self._table.hashes(chain_id, sequences)
        return known | ({anchor.expired_sequence: anchor.expired_hash} if anchor.expired_sequence else {})

    def _anchor(self, chain_id: uuid.UUID) -> Anchor:
        return self._anchors.of(chain_id) or Anchor()

    def _ship(self, chain_id: uuid.UUID, records: Sequence[StoredRecord]) -> tuple[int, str]:
        """Write the records missing from the log; returns their number, and what prevents writing the rest."""
        there = self._table.hashes(chain_id, (record.facts.sequence for record in records))
        others = [r for r in records if there.get(r.facts.sequence, r.hash) != r.hash]
        if others:
            return 0, f"the log has another record in the place of number {others[0].facts.sequence}"
        mark, expired = self._table.marks([chain_id])[chain_id], self._anchor(chain_id).expired_sequence
        new = [r for r in records if r.facts.sequence > expired and r.facts.sequence not in there]
        gaps = [r for r in new if r.facts.sequence < mark]
        behind = [r for r in new if r.facts.sequence > mark]
        self._table.make_partitions(_moments(new))
        if gaps:
            self._table.fill_gaps(chain_id, gaps)
        if behind and any(key.chain_id == chain_id for key in list_segments(self._spool)):
            return len(gaps), "its chain is still being shipped: run this again when the spool is empty"
        if behind:
            last = behind[-1]
            self._table.write([ChainPart(chain_id, mark, last.facts.sequence, last.hash, behind)])
            moved = msgspec.structs.replace(self._anchor(chain_id), sequence=last.facts.sequence, hash=last.hash)
            self._anchors.write(chain_id, moved, durable=True)
        return len(new), ""

    def _missing(self, attempt: _Attempt) -> list[int] | None:
        """Numbers of the file's records that are not in the log; None if unknown."""
        file, chain_id = attempt.file, attempt.chain_id
        held = None if file is None or chain_id is None else file.held(chain_id, attempt.proven)
        if held is None or file is None or chain_id is None:
            return None
        before = held.start - 1
        known = self._known(chain_id, (before, *held))
        if before and file.is_unsure and known.get(before) != file.hash_before:
            return None
        expired = self._anchor(chain_id).expired_sequence
        return [sequence for sequence in held if sequence not in known and sequence > expired]


def _moments(records: Iterable[StoredRecord]) -> list[dt.datetime]:
    days = {record.facts.recorded_at // 86_400_000_000 for record in records}
    return [dt.datetime.fromtimestamp(day * 86_400, dt.UTC) for day in days]


def _why_kept(missing: Sequence[int] | None) -> str:
    if missing is None:
        return "it is unknown whether it held more records"
    return f"{len(missing)} of its records can't be proven, from number {missing[0]} to {missing[-1]}"
