"""What a server's machine knows of its chains, outside of the database: anchors and spool."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from serve.audit.findings import Fault, Finding
from serve.prediction_log.anchors import Anchor, Anchors
from serve.prediction_log.backlog import DAMAGED_FOLDER
from serve.prediction_log.segment import OPEN, list_segments
from serve.prediction_log.segment_reader import Rest, SegmentReader


@dataclass(frozen=True, slots=True)
class Spooled:
    """Hashes of the records in a spool, by chain and sequence, and what is wrong with its files."""

    hashes: dict[uuid.UUID, dict[int, bytes]]
    findings: list[Finding]


def read_anchors(spool: Path) -> dict[uuid.UUID, Anchor]:
    """The anchors of all chains and of the ledger.

    Raises:
        SpoolError: one can't be read.
    """
    return Anchors(spool).read()


def read_spool(spool: Path) -> Spooled:
    """All records in the spool, each checked against the one before it."""
    hashes: dict[uuid.UUID, dict[int, bytes]] = {}
    findings = []
    for key, path in list_segments(spool).items() if spool.exists() else ():
        try:
            reader = SegmentReader(path)
        except FileNotFoundError:
            continue  # shipped meanwhile: then its end is anchored
        try:
            for record in reader.records():
                hashes.setdefault(key.chain_id, {})[record.facts.sequence] = record.hash
            if path.suffix != OPEN and reader.rest() is Rest.DAMAGED:
                findings.append(Finding(Fault.DAMAGED, f"{path.name} can't be read to its end", key.chain_id))
        finally:
            reader.close()
    damaged = spool / DAMAGED_FOLDER
    if damaged.exists():
        findings += [Finding(Fault.DAMAGED, f"{path} was set aside") for path in sorted(damaged.iterdir())]
    return Spooled(hashes, findings)
