"""The proofs of a dossier, as in its file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from serve.prediction_log.anchor import Moment, Number, SentAnchor

Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
"""32 bytes, hexadecimal."""
Salt = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
Words = str | None

OF_OTHERS: Final = "the record also has answers about other people, and one digest of all of them"
RENAMED: Final = "the request id was erased, and the record's hash covers it"
ERASED: Final = "the record's data of the applicant was erased"


class Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The input of a record's salted digest (`serve/prediction_log/chain.py`); bytes as base64."""

    salt: Salt
    application_ids: Sequence[str | None] | None
    applicant_refs: Sequence[bytes | None] | None
    features: bytes
    """Little-endian float32, C-contiguous."""
    reasons: bytes
    """Encoded as features: for each row pairs of a feature's number and its effect; empty if the answer had none."""


class Opened(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The input of the record's hash beside `previous` and `content_digest`."""

    facts: bytes
    """As MessagePack."""
    probabilities: bytes
    """Probabilities of all rows: little-endian float32."""


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """A record between the dossier's and the anchor: the input of its hash, without its content."""

    digest: bytes
    facts: bytes
    probabilities: bytes


class LedgerEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry of the ledger of erasures about the record, with the hash of the entry before it."""

    number: int
    erased_at: Moment
    sequence: Number
    rows: Sequence[int]
    kind: str
    digest: Digest
    """Digest of the record's remaining content."""
    previous: Digest
    hash: Digest


class Proof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record's place, and the proof that it is the original one."""

    chain_id: str
    sequence: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    row_count: int
    """Number of answers in the record."""
    previous: Digest
    """Hash of the previous record; for the first record, the chain's beginning."""
    content_digest: Digest
    hash: Digest
    opened: Opened | None
    why_not_opened: Words
    content: Content | None
    why_no_content: Words
    amendments: Sequence[LedgerEntry]
    anchor: SentAnchor | None
    """The nearest known anchor at or after the record."""
    links: Sequence[Link]
    """All records after this one up to the anchor's, or none."""
    followed_to: int | None
    """The record up to which the maker of the dossier followed the chain in the database: the anchor's, or None."""
    why_not_followed: Words
    made_at: dt.datetime
