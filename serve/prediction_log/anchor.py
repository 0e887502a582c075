"""Anchors: facts about chains, stored outside of PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from serve.prediction_log.chain import GENESIS

Hash = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Moment = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999_999)]
"""Microseconds since 1970, up to the end of the year 9999."""
ChainDigits = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]


class Anchor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The state of a chain in the table: its last record, and the last one removed by retention (0 = none)."""

    sequence: Number = 0
    hash: Hash = GENESIS
    expired_sequence: Number = 0
    expired_hash: Hash = GENESIS
    signature: bytes = b""
    """Signature under AUDIT_KEY; empty without a key."""


class Register(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Facts about all anchors of a spool."""

    ids_since: Moment
    """Since when chains here begin with their id, microseconds since 1970."""
    signed_since: Moment = 0
    """Since when all anchors are signed, microseconds since 1970; 0 if they are not."""
    chains: Sequence[ChainDigits] = ()
    """Chains with a signed anchor, as hexadecimal digits."""
    signature: bytes = b""


class SentAnchor(Anchor, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """An anchor as sent elsewhere, with its chain."""

    chain: ChainDigits
    """Hexadecimal digits."""

    def anchor(self) -> Anchor:
        """The anchor alone, as signed."""
        return Anchor(self.sequence, self.hash, self.expired_sequence, self.expired_hash, self.signature)
