"""Anchors collected elsewhere (ANCHOR_URL): evidence that an attacker on the server's machine can't remove."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from serve.audit.findings import Fault, Finding
from serve.audit.ledger import JOURNAL_ENDS, NO_CHAINS
from serve.audit.signatures import moment
from serve.prediction_log.anchor import Anchor, Register, SentAnchor
from serve.prediction_log.anchor_key import AnchorKey
from serve.prediction_log.anchor_place import SentAnchors
from serve.prediction_log.errors import SpoolError
from serve.prediction_log.segment import open_file


@dataclass(slots=True)
class Collected:
    """By chain: the hash of each anchored record; and the faults of the files read."""

    ends: dict[uuid.UUID, dict[int, Anchor]] = field(default_factory=dict)
    signed_since: dict[uuid.UUID, int] = field(default_factory=dict)
    """By chain: the earliest time since when anchors are signed on its machine, microseconds since 1970."""
    findings: list[Finding] = field(default_factory=list)
    places: tuple[str, ...] = ()
    """The places read."""

    def latest(self) -> dict[uuid.UUID, Anchor]:
        """The latest anchor of each chain."""
        return {chain_id: anchors[max(anchors)] for chain_id, anchors in self.ends.items()}

    def hashes(self, chain_id: uuid.UUID) -> dict[int, bytes]:
        """Hashes of a chain's anchored records."""
        return {sequence: anchor.hash for sequence, anchor in self.ends.get(chain_id, {}).items()}

    def check_against(self, anchors: Mapping[uuid.UUID, Anchor], register: Register | None) -> Iterator[Finding]:
        """Check this machine's anchors for losses."""
        for chain_id, latest in self.latest().items():
            # Each server anchors the journals' ends independently; they are checked event by event.
            anchor = None if chain_id in JOURNAL_ENDS else anchors.get(chain_id)
            if anchor is not None and anchor.sequence < latest.sequence:
                told = f"its anchor is at record {anchor.sequence}, but was at {latest.sequence}: it was set back"
                yield Finding(Fault.CHANGED, told, chain_id)
        if register is None:
            return
        # Other servers' anchors may be signed for longer; the ledger's are written on every machine that erases.
        own = {*anchors, *map(uuid.UUID, register.chains)} - NO_CHAINS
        since = min((self.signed_since[chain_id] for chain_id in own & self.signed_since.keys()), default=0)
        if since and not 0 < register.signed_since <= since:
            yield Finding(Fault.CHANGED, f"anchors were signed since {moment(since)}, but the register differs")


def read_collected(places: Sequence[Path], key: AnchorKey | None) -> Collected:
    """Read all anchors in these files, and in the files of these folders; unreadable ones are findings."""
    found = Collected(places=tuple(str(place.absolute()) for place in places))
    for path in _files(places):
        try:
            with os.fdopen(open_file(path), "rb") as file:
                for number, line in enumerate(file, 1):
                    _read_line(found, f"{path}, line {number},", path.name, line.strip(), key)
        except (SpoolError, OSError) as error:
            found.findings.append(Finding(Fault.DAMAGED, f"{path} can't be read: {error}"))
    return found


def _files(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        yield from sorted(place.iterdir()) if place.is_dir() else (place,)


def _read_line(found: Collected, where: str, name: str, line: bytes, key: AnchorKey | None) -> None:
    if not line:
        return
    try:
        anchors, register = _decode(name, line)
    except (msgspec.MsgspecError, ValueError):
        found.findings.append(Finding(Fault.DAMAGED, f"{where} is not an anchor"))
        return
    for chain_id, anchor in anchors.items():
        if key is not None and anchor.signature and not key.has_signed(chain_id, anchor):
            found.findings.append(Finding(Fault.CHANGED, f"{where} was not signed with this key", chain_id))
            continue
        before = found.ends.setdefault(chain_id, {}).setdefault(anchor.sequence, anchor)
        if before.hash != anchor.hash:
            found.findings.append(Finding(Fault.CHANGED, f"{where} has another hash than before", chain_id))
        elif before.expired_sequence < anchor.expired_sequence:
            found.ends[chain_id][anchor.sequence] = anchor
    if register is None or not register.signed_since:
        return
    if key is not None and not key.has_signed_register(register):
        found.findings.append(Finding(Fault.CHANGED, f"{where} was not signed with this key"))
    else:
        for chain_id in map(uuid.UUID, register.chains):
            known = found.signed_since.get(chain_id, register.signed_since)
            found.signed_since[chain_id] = min(known, register.signed_since)


def _decode(name: str, line: bytes) -> tuple[dict[uuid.UUID, Anchor], Register | None]:
    """Decode a line: an anchor as sent, the body of a POST, or a file of the folder `anchors` itself."""
    kind = {"chain": SentAnchor, "anchors": SentAnchors, "ids_since": Register}
    known = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    decoded = msgspec.json.decode(line, type=next((kind[key] for key in kind if key in known), Anchor))
    if isinstance(decoded, Register):
        return {}, decoded
    if isinstance(decoded, SentAnchors):
        return {uuid.UUID(sent.chain): sent.anchor() for sent in decoded.anchors}, decoded.register
    if isinstance(decoded, SentAnchor):
        return {uuid.UUID(decoded.chain): decoded.anchor()}, None
    return {uuid.UUID(name): decoded}, None
