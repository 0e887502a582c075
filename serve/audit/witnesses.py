"""Evidence about chains on a server's machine, outside of the database: anchors and spool."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from serve.audit.collected import Collected
from serve.audit.findings import Fault, Finding
from serve.audit.signatures import check_signatures
from serve.prediction_log.anchor import Anchor
from serve.prediction_log.anchor_key import AnchorKey
from serve.prediction_log.anchors import Anchors
from serve.prediction_log.backlog import DAMAGED_FOLDER
from serve.prediction_log.errors import SpoolError
from serve.prediction_log.segment import OPEN, SEALED, list_segments, strays
from serve.prediction_log.segment_reader import Rest, SegmentReader, records_of


@dataclass(frozen=True, slots=True)
class KnownAnchors:
    """The anchors of all chains and of the ledger, and the faults of their files."""

    anchors: dict[uuid.UUID, Anchor]
    findings: list[Finding]
    ids_since: int | None
    """Since when chains here begin with their id, microseconds since 1970; None if unknown."""


@dataclass(frozen=True, slots=True)
class Outside:
    """The evidence outside of the database: a spool with its anchors, and anchors collected elsewhere."""

    spool: Path
    key: AnchorKey | None = None
    collected: Collected = field(default_factory=Collected)
    _latest: Mapping[uuid.UUID, Anchor] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_latest", self.collected.latest())

    def read_anchors(self) -> KnownAnchors:
        """All current anchors."""
        return read_anchors(self.spool, self.key, self.collected)

    def anchor_of(self, chain_id: uuid.UUID) -> Anchor:
        """The current anchor of one chain; empty if it can't be read, which `read_anchors` reports."""
        try:
            here = Anchors(self.spool).of(chain_id) or Anchor()
        except SpoolError:
            here = Anchor()
        return max(here, self._latest.get(chain_id, here), key=lambda anchor: anchor.sequence)

    def ends_of(self, chain_id: uuid.UUID) -> set[tuple[int, bytes]]:
        """Number and hash of each anchored event of a journal, here or elsewhere."""
        known = set(self.collected.hashes(chain_id).items())
        try:
            here = Anchors(self.spool).of(chain_id)
        except SpoolError:  # `read_anchors` reports it
            return known
        return known if here is None else known | {(here.sequence, here.hash)}


def read_anchors(spool: Path, key: AnchorKey | None, collected: Collected) -> KnownAnchors:
    """All anchors; unreadable ones and stray files are findings. With the `key`, unsigned ones are findings too.
    Anchors `collected` elsewhere replace those that are missing or outdated here.
    """
    anchors: dict[uuid.UUID, Anchor] = {}
    folder = Anchors(spool)
    findings = [Finding(Fault.STRAY, f"{path} is not an anchor") for path in folder.strays()]
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
    findings += [*collected.findings, *collected.check_against(anchors, register)]
    for chain_id, anchor in collected.latest().items():
        if chain_id not in anchors or anchors[chain_id].sequence < anchor.sequence:
            anchors[chain_id] = anchor
    return KnownAnchors(anchors, findings, None if register is None else register.ids_since)


def spooled_hash(spool: Path, chain_id: uuid.UUID, sequence: int) -> bytes | None:
    """The hash of one record of the spool; None if it does not exist."""
    for key, path in list_segments(spool).items() if spool.exists() else ():
        if key.chain_id != chain_id:
            continue
        # A segment sealed meanwhile has another name; a shipped one is gone, and its end is anchored.
        for seen in (path, path.with_suffix(SEALED)):
            with contextlib.suppress(FileNotFoundError, SpoolError):
                for record in records_of(seen):
                    if record.facts.sequence == sequence:
                        return record.hash
    return None


def check_spool(spool: Path) -> Iterator[Finding]:
    """The faults of the spool's files; each record is checked against the one before it."""
    for path in strays(spool):
        yield Finding(Fault.STRAY, f"{path} is not a segment")
    for key, path in list_segments(spool).items() if spool.exists() else ():
        try:
            with contextlib.closing(SegmentReader(path)) as reader:
                if path.suffix == OPEN:
                    continue  # its end may be half written
                for _ in reader.records(past_damage=True):
                    pass
                if reader.rest() is Rest.DAMAGED:
                    told = f"{path.name} can't be read to its end{_told_missing(reader)}"
                    yield Finding(Fault.DAMAGED, told, key.chain_id)
        except FileNotFoundError:
            continue  # shipped meanwhile
        except SpoolError as error:
            yield Finding(Fault.DAMAGED, f"{path.name} can't be read: {error}", key.chain_id)
    damaged = spool / DAMAGED_FOLDER
    if damaged.exists():
        for path in sorted(damaged.iterdir()):
            yield Finding(Fault.DAMAGED, f"{path} was set aside{_missing_of(path)}")


def _missing_of(path: Path) -> str:
    """The unreadable part of a segment that was set aside, in words; empty if unknown."""
    try:
        with contextlib.closing(SegmentReader(path)) as reader:
            for _ in reader.records(past_damage=True):
                continue
            return _told_missing(reader)
    except (SpoolError, FileNotFoundError):
        return ""


def _told_missing(reader: SegmentReader) -> str:
    missing = reader.missing_records()
    return "" if missing is None else f": {missing} of its records are missing"
