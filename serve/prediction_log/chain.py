"""The hash chain of records: each hash covers the previous record's, so a changed, removed or moved record is noticed.

    content digest = SHA-256(salt | lengths | application ids | pseudonyms | features), of an answer without reasons
    content digest = SHA-256(salt | mark | lengths | application ids | pseudonyms | reasons | features), with reasons
    hash           = SHA-256(hash of the record before | content digest | lengths | facts | probabilities)
    beginning      = SHA-256("chain of predictions" | chain id), used as the hash before the first record

Personal data has a separate salted digest: it can be erased, including the salt, and the chain still verifies. A chain
belongs to one server process for its whole life. All hashed bytes can be reproduced from the columns of the table.
Reasons reveal features, so they are erased with them; their mark is a number of rows that no record has, so that the
two kinds of content can't be confused.

So every record's hash depends on its chain's id, through the first record. Older chains begin with zeros and stay
unchanged: the first record, with the anchor of the chain's end, determines which kind a chain is.
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
"""The previous hash of the first entry of the ledger, and of the first record of a chain without its id."""

_BEGINNING: Final = b"chain of predictions"

_FLOAT: Final = np.dtype("<f4")
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_CONTENT_LENGTHS: Final = struct.Struct("<III")
_WITH_REASONS: Final = struct.Struct("<IIIII")
_MARK_OF_REASONS: Final = 2**32 - 1
_FACTS_LENGTHS: Final = struct.Struct("<II")


class Facts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The facts of a record besides its rows; times are microseconds since 1970 (UTC)."""

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
    """Trace id of the request; without one, the facts are encoded as before traces existed."""


FACTS_DECODER: Final = msgspec.msgpack.Decoder(Facts)
_ENCODER: Final = msgspec.msgpack.Encoder()
_EMPTY: Final = hashlib.sha256()
"""Copied for each digest, since OpenSSL's look-up of SHA-256 takes longer than hashing a row."""


def encode_facts(facts: Facts) -> bytes:
    """The facts as MessagePack, which is canonical for these types."""
    return _ENCODER.encode(facts if facts.trace_id else astuple(facts)[:-1])


def encode_list(values: Sequence[str | None] | Sequence[bytes | None] | None) -> bytes:
    """Ids or pseudonyms of the rows as MessagePack; empty if there are none."""
    return b"" if values is None else _ENCODER.encode(values)


def microseconds(moment: dt.datetime) -> int:
    """Microseconds since 1970 of a timezone-aware time."""
    return (moment - _EPOCH) // _MICROSECOND


def beginning(chain_id: uuid.UUID) -> bytes:
    """The previous hash of a chain's first record."""
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
    """Digest of the erasable content: the two encoded lists, and the bytes of float32 [N, features]. `reasons` are the
    bytes of float32 [N, 2 K]; empty if the answer had none.
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
    """The record's hash, from the previous record's; `probabilities` are the bytes of float32 [N]."""
    lengths = _FACTS_LENGTHS.pack(len(facts), len(probabilities) // _FLOAT.itemsize)
    chained = _EMPTY.copy()
    chained.update(b"".join((previous, digest, lengths, facts)))
    chained.update(probabilities)
    return chained.digest()


def as_bytes(values: NDArray[np.float32]) -> memoryview:
    """An array's bytes, little-endian and C-contiguous, without a copy if it is so already."""
    if values.dtype != _FLOAT or not values.flags.c_contiguous:
        values = np.ascontiguousarray(values, _FLOAT)
    return values.data.cast("B")
