"""What a server's machine knows of its chains, outside of the database: anchors and spool."""

from __future__ import annotations

import uuid
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from serve.audit.collected import Collected
from serve.audit.findings import Fault, Finding
from serve.audit.signatures import check_signatures
from serve.prediction_log.anchor import Anchor
from serve.prediction_log.anchor_key import AnchorKey
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.backlog import DAMAGED_FOLDER
from serve.prediction_log.errors import SpoolError
from serve.prediction_log.segment import OPEN, list_segments, strays
from serve.prediction_log.segment_reader import Rest, SegmentReader


@dataclass(frozen=True, slots=True)
class Spooled:
    """Hashes of the records in a spool, by chain and sequence, and what is wrong with its files."""

    hashes: dict[uuid.UUID, dict[int, bytes]]
    findings: list[Finding]


@dataclass(frozen=True, slots=True)
class KnownAnchors:
    """The anchors of all chains and of the ledger, and what is wrong with their files."""

    anchors: dict[uuid.UUID, Anchor]
    findings: list[Finding]
    ids_since: int | None
    """From when on chains begin with their id here, microseconds since 1970; None where nobody knows."""


def read_anchors(spool: Path, key: AnchorKey | None = None, collected: Collected | None = None) -> KnownAnchors:
    """All of them; one that can't be read is a finding, and so is a file that is none.

    With the `key`, one that was not signed is a finding too. What was `collected` elsewhere stands in for those that
    are gone here, or put back.
    """
    anchors: dict[uuid.UUID, Anchor] = {}
    folder = Anchors(spool)
    findings = [Finding(Fault.STRAY, f"{path} is no anchor") for path in folder.strays()]
    findings += [Finding(Fault.DAMAGED, f"{path} was set aside") for path in folder.set_aside()]
    for chain_id in folder.chains():
        try:
            anchor = folder.of(chain_id)
        except SpoolError as error:
            findings.append(Finding(Fault.DAMAGED, str(error), chain_id))
        else:
            anchors |= {} if anchor is None else {chain_id: anchor}
    register = None
    try:
        register = folder.register()
    except SpoolError as error:
        findings.append(Finding(Fault.DAMAGED, str(error)))
    if key is not None:
        findings += check_signatures(key, anchors, register)
    if collected is not None:
        findings += [*collected.findings, *collected.check_against(anchors, register)]
        for chain_id, anchor in collected.latest().items():
            if chain_id not in anchors or anchors[chain_id].sequence < anchor.sequence:
                anchors[chain_id] = anchor
    return KnownAnchors(anchors, findings, None if register is None else register.ids_since)


def read_spool(spool: Path) -> Spooled:
    """All records in the spool, each checked against the one before it."""
    hashes: dict[uuid.UUID, dict[int, bytes]] = {}
    findings = [Finding(Fault.STRAY, f"{path} is no segment") for path in strays(spool)]
    for key, path in list_segments(spool).items() if spool.exists() else ():
        try:
            reader = SegmentReader(path)
        except FileNotFoundError:
            continue  # shipped meanwhile: then its end is anchored
        except SpoolError as error:
            findings.append(Finding(Fault.DAMAGED, f"{path.name} can't be read: {error}", key.chain_id))
            continue
        try:
            for record in reader.records(past_damage=path.suffix != OPEN):
                hashes.setdefault(key.chain_id, {})[record.facts.sequence] = record.hash
            if path.suffix != OPEN and reader.rest() is Rest.DAMAGED:
                told = f"{path.name} can't be read to its end{_told_missing(reader)}"
                findings.append(Finding(Fault.DAMAGED, told, key.chain_id))
        finally:
            reader.close()
    damaged = spool / DAMAGED_FOLDER
    if damaged.exists():
        findings += [Finding(Fault.DAMAGED, f"{path} was set aside{_missing_of(path)}") for path in _files(damaged)]
    return Spooled(hashes, findings)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def _missing_of(path: Path) -> str:
    """What of a segment that was set aside can't be read, in words; nothing where that can't be told."""
    try:
        with closing(SegmentReader(path)) as reader:
            for _ in reader.records(past_damage=True):
                continue
            return _told_missing(reader)
    except (SpoolError, FileNotFoundError):
        return ""


def _told_missing(reader: SegmentReader) -> str:
    missing = reader.missing_records()
    return "" if missing is None else f": {missing} of its records are missing"
