"""Checks a dossier's links from a record to its anchor, and the ledger's entries about the record."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from serve.audit.dossier.proof import Proof
from serve.audit.ledger import Erasure, Kind
from serve.prediction_log.anchor import SentAnchor
from serve.prediction_log.anchor_key import AnchorKey
from serve.prediction_log.chain import FACTS_DECODER, GENESIS, HASH_BYTES, beginning, record_hash

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(slots=True)
class CheckedWay:
    """The result of following a chain."""

    differs: list[str] = field(default_factory=list)
    proven: list[str] = field(default_factory=list)
    unproven: list[str] = field(default_factory=list)


def check_way(proof: Proof, key: AnchorKey | None, collected: Mapping[uuid.UUID, Mapping[int, bytes]]) -> CheckedWay:
    """Follow the links from the record to the anchor, and check the anchor's witnesses."""
    found = CheckedWay()
    try:
        chain_id = uuid.UUID(proof.chain_id)
    except ValueError:
        found.differs.append("proof.chain_id: it is not a chain's id")
        return found
    if proof.sequence == 1 and bytes.fromhex(proof.previous) not in {beginning(chain_id), GENESIS}:
        found.differs.append("proof.previous: it is not the beginning of the chain")
    anchor = proof.anchor
    if anchor is None:
        found.unproven.append(f"no anchor vouches for the record: {proof.why_not_followed}")
        return found
    if uuid.UUID(anchor.chain) != chain_id or anchor.sequence < proof.sequence:
        found.differs.append("proof.anchor: it is of another chain, or of a record before this one")
        return found
    _follow(proof, anchor, found)
    _check_witness(chain_id, anchor, key, collected, found)
    return found


def check_amendments(proof: Proof) -> Iterator[str]:
    """The faults of the ledger's entries about the record."""
    for place, entry in enumerate(proof.amendments):
        try:
            chain_id, moment = uuid.UUID(proof.chain_id), _EPOCH + dt.timedelta(microseconds=entry.erased_at)
        except (ValueError, OverflowError):
            yield f"proof.amendments[{place}]: it is not an entry of the ledger"
            continue
        digest = bytes.fromhex(entry.digest)
        written = Erasure(entry.number, moment, chain_id, entry.sequence, entry.rows, digest, b"", Kind(entry.kind))
        try:
            expected = written.expected_hash(bytes.fromhex(entry.previous)).hex()
        except (OverflowError, msgspec.MsgspecError):
            expected = ""
        if expected != entry.hash or entry.sequence != proof.sequence:
            yield f"proof.amendments[{place}]: it is not an entry about this record"


def _follow(proof: Proof, anchor: SentAnchor, found: CheckedWay) -> None:
    """Recompute each hash, starting with the record's."""
    way = f"record {proof.sequence} to the anchor at record {anchor.sequence}"
    if not proof.links and anchor.sequence > proof.sequence:
        if proof.followed_to not in {None, anchor.sequence}:
            found.differs.append("proof.followed_to: it is not the anchor's record")
        told = "followed by the maker of the dossier" if proof.followed_to else "not followed"
        found.unproven.append(
            f"the chain from {way} is not here, {told}: {proof.why_not_followed or 'no reason is given'}"
        )
        return
    current = bytes.fromhex(proof.hash)
    for sequence, link in enumerate(proof.links, proof.sequence + 1):
        if len(link.digest) != HASH_BYTES or not _is_of(link.facts, sequence):
            found.differs.append(f"proof.links[{sequence - proof.sequence - 1}]: it is not record {sequence}")
            return
        current = record_hash(current, link.digest, link.facts, link.probabilities)
    if proof.sequence + len(proof.links) != anchor.sequence or current != anchor.hash:
        found.differs.append(f"proof.links: the chain from {way} does not lead there: a record on the way was changed")
    elif proof.followed_to != anchor.sequence:
        found.differs.append("proof.followed_to: it is not the anchor's record")
    else:
        found.proven.append(f"the chain leads from {way}")


def _check_witness(
    chain_id: uuid.UUID,
    anchor: SentAnchor,
    key: AnchorKey | None,
    collected: Mapping[uuid.UUID, Mapping[int, bytes]],
    found: CheckedWay,
) -> None:
    elsewhere = collected.get(chain_id, {}).get(anchor.sequence)
    if elsewhere is not None and elsewhere != anchor.hash:
        found.differs.append("proof.anchor: another hash was anchored elsewhere at its record")
    if key is not None and not key.has_signed(chain_id, anchor.anchor()):
        found.differs.append("proof.anchor: it is not signed with this key")
    if elsewhere == anchor.hash:
        found.proven.append("the same anchor was collected elsewhere")
    elif key is not None:
        found.proven.append("the anchor was signed with this key")
    else:
        found.unproven.append(
            "nobody vouches for the anchor: give the key, or anchors that were collected elsewhere (--anchors)"
        )


def _is_of(facts: bytes, sequence: int) -> bool:
    try:
        return FACTS_DECODER.decode(facts).sequence == sequence
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
