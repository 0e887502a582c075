"""How records chain: each one's hash covers the hash of the record before it, so none can change, go or move unseen.

    content digest = SHA-256(salt | lengths | application ids | pseudonyms | features), of an answer without reasons
    content digest = SHA-256(salt | mark | lengths | application ids | pseudonyms | reasons | features), with reasons
    hash           = SHA-256(hash of the record before | content digest | lengths | facts | probabilities)
    beginning      = SHA-256("chain of predictions" | chain id), which stands for the hash before the first record

What can point at a person is covered by a digest of its own, with a salt: it can be erased, salt included, and the
chain still verifies. A chain belongs to one server process from its start to its end. Everything that is hashed can be
made again from the columns of the table, byte by byte. Reasons tell of features, so they are erased with them; their
mark is a number of rows that no record has, so that neither kind of content can pass for the other.

So the id of its chain is in every record's hash, by way of the first. Chains of before that begin with zeros, and stay
as they are: which of both a chain is, its first record decides for all of it, and the anchor of its end with it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import struct
import uuid
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from msgspec.structs import astuple
from numpy.typing import NDArray

SALT_BYTES: Final = 16
HASH_BYTES: Final = 32
GENESIS: Final = bytes(HASH_BYTES)
"""Stands for the hash before the first entry of the ledger, and before that of a chain without its id in it."""

_BEGINNING: Final = b"chain of predictions"

_FLOAT: Final = np.dtype("<f4")
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_CONTENT_LENGTHS: Final = struct.Struct("<III")
_WITH_REASONS: Final = struct.Struct("<IIIII")
_MARK_OF_REASONS: Final = 2**32 - 1
_FACTS_LENGTHS: Final = struct.Struct("<II")


class Facts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a record says besides its rows; times are microseconds since 1970 (UTC)."""

    sequence: int
    recorded_at: int
    received_at: int
    request_id: str
    endpoint: str
    caller: str
    model_version: int
    model_sha256: bytes
    load_test: bool
    trace_id: bytes = b""
    """Of the trace that the request belongs to; without one, the facts are encoded as before there were traces."""


FACTS_DECODER: Final = msgspec.msgpack.Decoder(Facts)
_ENCODER: Final = msgspec.msgpack.Encoder()
_EMPTY: Final = hashlib.sha256()
"""Copied for each digest: OpenSSL takes longer to look up SHA-256 than to hash a row."""


def encode_facts(facts: Facts) -> bytes:
    """The facts as MessagePack, which has one form only for each value of these types."""
    return _ENCODER.encode(facts if facts.trace_id else astuple(facts)[:-1])


def encode_list(values: Sequence[str | None] | Sequence[bytes | None] | None) -> bytes:
    """Ids or pseudonyms of the rows as MessagePack; nothing where there are none."""
    return b"" if values is None else _ENCODER.encode(values)


def microseconds(moment: dt.datetime) -> int:
    """Microseconds since 1970 of a moment that knows its time zone."""
    return (moment - _EPOCH) // _MICROSECOND


def beginning(chain_id: uuid.UUID) -> bytes:
    """Stands for the hash before the first record of a chain."""
    return hashlib.sha256(_BEGINNING + chain_id.bytes).digest()


def content_digest(
    salt: bytes,
    application_ids: bytes,
    applicant_refs: bytes,
    features: bytes | memoryview,
    rows: int,
    *,
    reasons: bytes | memoryview = b"",
) -> bytes:
    """Digest of what can be erased: the two encoded lists, and the bytes of float32 [N, features] of so many rows.

    `reasons` are the bytes of float32 [N, 2 K]; nothing where the answer gave none.
    """
    ids, refs = len(application_ids), len(applicant_refs)
    digest = _EMPTY.copy()
    if not reasons:
        lengths = _CONTENT_LENGTHS.pack(rows, ids, refs)
        digest.update(b"".join((salt, lengths, application_ids, applicant_refs)))
    else:
        lengths = _WITH_REASONS.pack(_MARK_OF_REASONS, rows, ids, refs, len(reasons) // _FLOAT.itemsize)
        digest.update(b"".join((salt, lengths, application_ids, applicant_refs, reasons)))
    digest.update(features)
    return digest.digest()


def record_hash(previous: bytes, digest: bytes, facts: bytes, probabilities: bytes | memoryview) -> bytes:
    """The record's hash, from that of the record before it; of the probabilities the bytes of float32 [N]."""
    lengths = _FACTS_LENGTHS.pack(len(facts), len(probabilities) // _FLOAT.itemsize)
    chained = _EMPTY.copy()
    chained.update(b"".join((previous, digest, lengths, facts)))
    chained.update(probabilities)
    return chained.digest()


def as_bytes(values: NDArray[np.float32]) -> memoryview:
    """An array's bytes, little-endian and row after row, without a copy where it is so already."""
    if values.dtype != _FLOAT or not values.flags.c_contiguous:
        values = np.ascontiguousarray(values, _FLOAT)
    return values.data.cast("B")
