"""What a server's machine knows of its chains, outside of the database: anchors and spool."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from serve.audit.findings import Fault, Finding
from serve.prediction_log.anchors import Anchor, Anchors
from serve.prediction_log.backlog import DAMAGED_FOLDER
from serve.prediction_log.errors import SpoolError
from serve.prediction_log.segment import OPEN, SEALED, list_segments, strays
from serve.prediction_log.segment_reader import Rest, SegmentReader, records_of


@dataclass(frozen=True, slots=True)
class KnownAnchors:
    """The anchors of all chains and of the ledger, and what is wrong with their files."""

    anchors: dict[uuid.UUID, Anchor]
    findings: list[Finding]


def read_anchors(spool: Path) -> KnownAnchors:
    """All of them; one that can't be read is a finding, and so is a file that is none."""
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
    return KnownAnchors(anchors, findings)


def anchor_of(spool: Path, chain_id: uuid.UUID) -> Anchor:
    """What is known of one chain now; nothing, where its anchor can't be read, which `read_anchors` tells of."""
    try:
        return Anchors(spool).of(chain_id) or Anchor()
    except SpoolError:
        return Anchor()


def spooled_hash(spool: Path, chain_id: uuid.UUID, sequence: int) -> bytes | None:
    """The hash of one record of the spool; None where it is not there."""
    for key, path in list_segments(spool).items() if spool.exists() else ():
        if key.chain_id != chain_id:
            continue
        # One that is sealed meanwhile has another name, one that is shipped is gone: then its end is anchored.
        for seen in (path, path.with_suffix(SEALED)):
            with contextlib.suppress(FileNotFoundError, SpoolError):
                for record in records_of(seen):
                    if record.facts.sequence == sequence:
                        return record.hash
    return None


def check_spool(spool: Path) -> Iterator[Finding]:
    """What is wrong with the files of the spool: each record is checked against the one before it."""
    for path in strays(spool):
        yield Finding(Fault.STRAY, f"{path} is no segment")
    for key, path in list_segments(spool).items() if spool.exists() else ():
        try:
            with contextlib.closing(SegmentReader(path)) as reader:
                if path.suffix == OPEN:
                    continue  # its end may be half written
                for _ in reader.records(past_damage=True):
                    pass
                if reader.rest() is Rest.DAMAGED:
                    yield Finding(Fault.DAMAGED, f"{path.name} can't be read to its end", key.chain_id)
        except FileNotFoundError:
            continue  # shipped meanwhile
        except SpoolError as error:
            yield Finding(Fault.DAMAGED, f"{path.name} can't be read: {error}", key.chain_id)
    damaged = spool / DAMAGED_FOLDER
    if damaged.exists():
        for path in sorted(damaged.iterdir()):
            yield Finding(Fault.DAMAGED, f"{path} was set aside")
