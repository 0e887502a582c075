"""The parts of a dossier that prove something, as they are in its file."""

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

OF_OTHERS: Final = "the record has answers about others too, and one digest of all of them"
RENAMED: Final = "the request's id was erased, and the record's hash covers it"
ERASED: Final = "what the record said of the applicant was erased"


class Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the salted digest of a record is made from (`serve/prediction_log/chain.py`); bytes as base64."""

    salt: Salt
    application_ids: Sequence[str | None] | None
    applicant_refs: Sequence[bytes | None] | None
    features: bytes
    """Little-endian float32, row after row."""
    reasons: bytes
    """As features: of each row pairs of a feature's number and its effect; nothing where the answer gave none."""


class Opened(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the record's hash is made from beside `previous` and `content_digest`."""

    facts: bytes
    """As MessagePack."""
    probabilities: bytes
    """Of all rows: little-endian float32."""


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """A record between the dossier's and the anchor: what its hash is made from, and nothing of its content."""

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
    """Of what was left of the record's content."""
    previous: Digest
    hash: Digest


class Proof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a record is, and what shows that it is the one that was written there."""

    chain_id: str
    sequence: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    row_count: int
    """Answers in the record."""
    previous: Digest
    """Hash of the record before it; for the first, what the chain begins with."""
    content_digest: Digest
    hash: Digest
    opened: Opened | None
    why_not_opened: Words
    content: Content | None
    why_no_content: Words
    amendments: Sequence[LedgerEntry]
    anchor: SentAnchor | None
    """The nearest on hand that is not before the record."""
    links: Sequence[Link]
    """All records behind this one up to the anchor's, or none."""
    followed_to: int | None
    """The record up to which the maker of the dossier followed the chain in the database; the anchor's, or None."""
    why_not_followed: Words
    made_at: dt.datetime
