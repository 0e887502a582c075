"""A record as bytes in a segment file: lengths, digests, facts, rows. Its hash is also its checksum."""

from __future__ import annotations

import contextlib
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from serve.prediction_log.chain import (
    FACTS_DECODER,
    SALT_BYTES,
    Facts,
    as_bytes,
    content_digest,
    encode_facts,
    encode_list,
    record_hash,
)
from serve.prediction_log.errors import SpoolError
from serve.prediction_log.record import PredictionRecord
from serve.random_tokens import RandomTokens

_HEADER: Final = struct.Struct("<HHIII16s32s32s")
"""Bytes of facts, values of reasons a row, bytes of ids and pseudonyms; rows; salt, digest, hash.

Before reasons existed, the bytes of facts, which are few, used both fields, so the second was 0.
"""
_CHECKSUM: Final = struct.Struct("<I")
_ALL_FACTS: Final = len(Facts.__struct_fields__)
_FACTS_START: Final = re.compile(bytes([ord("["), 0x90 + _ALL_FACTS - 1, 0x90 + _ALL_FACTS, ord("]")]))
"""MessagePack's header of an array of this number of elements (github.com/msgpack/msgpack, spec.md, "fixarray"); the
last is the trace.
"""
PREFIX_BYTES: Final = _CHECKSUM.size + _HEADER.size
_FLOAT: Final = np.dtype("<f4")
_SALTS: Final = RandomTokens(SALT_BYTES)
_IDS: Final = msgspec.msgpack.Decoder(list[str | None])
_REFS: Final = msgspec.msgpack.Decoder(list[bytes | None])


class Content(msgspec.Struct, frozen=True, gc=False):
    """The part of a record that does not depend on its place in the chain; it is hashed before the place is known."""

    record: PredictionRecord
    application_ids: bytes
    applicant_refs: bytes
    features: memoryview
    probabilities: memoryview
    reasons: bytes | memoryview
    salt: bytes
    digest: bytes

    @classmethod
    def of(cls, record: PredictionRecord) -> Content:
        """Encode and hash a record's data of applicants."""
        ids, refs = encode_list(record.application_ids), encode_list(record.applicant_refs)
        features, probabilities = as_bytes(record.features), as_bytes(record.probabilities)
        reasons = b"" if record.reasons is None else as_bytes(record.reasons)
        salt = _SALTS.next()
        digest = content_digest(salt, ids, refs, features, record.row_count, reasons=reasons)
        return cls(record, ids, refs, features, probabilities, reasons, salt, digest)


class Frame(msgspec.Struct, frozen=True, gc=False):
    """A record at its place in the chain, ready to write: the buffers of one `writev`."""

    buffers: Sequence[bytes | memoryview]
    size: int
    hash: bytes


class StoredRecord(msgspec.Struct, frozen=True, gc=False):
    """A record read from a segment; its hash was checked against the previous record."""

    facts: Facts
    application_ids: Sequence[str | None] | None
    applicant_refs: Sequence[bytes | None] | None
    features: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    salt: bytes
    digest: bytes
    hash: bytes
    reasons: NDArray[np.float32] | None = None


def digest_of(record: StoredRecord) -> bytes:
    """The digest of a record's erasable content."""
    return content_digest(
        record.salt,
        encode_list(record.application_ids),
        encode_list(record.applicant_refs),
        as_bytes(record.features),
        len(record.probabilities),
        reasons=b"" if record.reasons is None else as_bytes(record.reasons),
    )


def build_frame(content: Content, sequence: int, recorded_at: int, previous: bytes) -> Frame:
    """Build the frame of a record after the one with hash `previous`, recorded at `recorded_at` microseconds."""
    record = content.record
    facts = encode_facts(
        Facts(
            sequence=sequence,
            recorded_at=recorded_at,
            received_at=record.received_at,
            request_id=record.request_id,
            endpoint=record.endpoint,
            caller=record.caller,
            model_version=record.model_version,
            model_sha256=record.model_sha256,
            load_test=record.load_test,
            trace_id=record.trace_id,
        )
    )
    chained = record_hash(previous, content.digest, facts, content.probabilities)
    ids, refs = content.application_ids, content.applicant_refs
    width = 0 if record.reasons is None else record.reasons.shape[1]
    lengths = len(facts), width, len(ids), len(refs)
    header = _HEADER.pack(*lengths, record.row_count, content.salt, content.digest, chained)
    prefix = _CHECKSUM.pack(zlib.crc32(header)) + header
    buffers = (prefix, facts, content.probabilities, ids, refs, content.features, content.reasons)
    return Frame(buffers, sum(map(len, buffers)), chained)


def frame_size(data: bytes | memoryview, features: int) -> int:
    """Size of the frame that begins here, of rows with `features` features; 0 if even its lengths are incomplete.

    Raises:
        SpoolError: the lengths are corrupt.
    """
    if len(data) < PREFIX_BYTES:
        return 0
    header = data[_CHECKSUM.size : PREFIX_BYTES]
    if zlib.crc32(header) != _CHECKSUM.unpack_from(data)[0]:
        raise SpoolError("the lengths of a record have changed since they were written")
    facts, reasons, ids, refs, rows, *_ = _HEADER.unpack(header)
    size: int = PREFIX_BYTES + facts + ids + refs + rows * _FLOAT.itemsize * (features + 1 + reasons)
    return size


def facts_of(frame: memoryview) -> bytes:
    """The encoded facts of the complete frame at the start of `frame`."""
    facts_size, *_ = _HEADER.unpack_from(frame, _CHECKSUM.size)
    return bytes(frame[PREFIX_BYTES : PREFIX_BYTES + facts_size])


def possible_hashes(data: memoryview, previous: bytes) -> set[bytes]:
    """Candidates for the hash of the damaged record at the start of `data`, after the one with hash `previous`: the
    stored hash, and the hash of the stored content. If a single bit has changed, one of them is right.
    """
    facts_size, _, _, _, rows, _, digest, given = _HEADER.unpack_from(data, _CHECKSUM.size)
    facts_end = PREFIX_BYTES + facts_size
    probabilities = data[facts_end : facts_end + _FLOAT.itemsize * rows]
    return {given, record_hash(previous, digest, bytes(data[PREFIX_BYTES:facts_end]), probabilities)}


def frame_starts(data: bytes, first: int, features: int) -> Iterator[int]:
    """Positions from `first` on where a frame may begin: its lengths match their checksum, and facts follow."""
    while (facts := _FACTS_START.search(data, first + PREFIX_BYTES)) is not None:
        first = facts.start() - PREFIX_BYTES + 1
        with contextlib.suppress(SpoolError):
            frame_size(data[first - 1 : facts.start()], features)
            yield first - 1


def read_frame(data: memoryview, previous: bytes) -> StoredRecord:
    """Read the complete frame at the start of `data`.

    Raises:
        SpoolError: it does not follow `previous`.
    """
    facts_size, width, ids_size, refs_size, rows, salt, digest, given = _HEADER.unpack_from(data, _CHECKSUM.size)
    facts_end = PREFIX_BYTES + facts_size
    probabilities_end = facts_end + _FLOAT.itemsize * rows
    ids_end = probabilities_end + ids_size
    refs_end = ids_end + refs_size
    features_end = len(data) - _FLOAT.itemsize * rows * width
    facts = bytes(data[PREFIX_BYTES:facts_end])
    ids, refs = bytes(data[probabilities_end:ids_end]), bytes(data[ids_end:refs_end])
    features, reasons = data[refs_end:features_end], data[features_end:]
    sound = given == record_hash(previous, digest, facts, data[facts_end:probabilities_end])
    if not sound or digest != content_digest(salt, ids, refs, features, rows, reasons=reasons):
        raise SpoolError("a record has changed since it was written")
    return StoredRecord(
        facts=FACTS_DECODER.decode(facts),
        application_ids=_IDS.decode(ids) if ids else None,
        applicant_refs=_REFS.decode(refs) if refs else None,
        features=matrix_of(features, rows),
        probabilities=np.frombuffer(data, _FLOAT, rows, facts_end),
        salt=salt,
        digest=digest,
        hash=given,
        reasons=matrix_of(reasons, rows) if reasons else None,
    )


def matrix_of(features: bytes | memoryview, rows: int) -> NDArray[np.float32]:
    """Features [N, features] of this number of rows, whatever their width; reasons [N, 2 K] likewise."""
    values = np.frombuffer(features, _FLOAT)
    return values.reshape(rows, values.size // rows if rows else 0)
