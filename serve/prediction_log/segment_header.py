"""The header of a segment: its start in the chain and, once it is complete, its end.

    PREDLOG3: chain id | number | sequence and hash of the record before | features a row | checksum | end mark, zeros
              before
    PREDLOG2: the same, before records had reasons
    PREDLOG1: the same up to the hash, before chains began with the hash of their id; ten features in each row

Records have the features declared in their process; the reading process may have more.

The end mark is in the header, in bytes reserved from the beginning, so that it shows what is missing wherever a file is
truncated.
"""

from __future__ import annotations

import os
import struct
import uuid
import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from serve.prediction_log.chain import GENESIS, beginning
from serve.prediction_log.errors import SpoolError

_MAGIC: Final = b"PREDLOG3"
_MAGIC_WITHOUT_REASONS: Final = b"PREDLOG2"
"""A new name, since older readers would misread records with reasons; readers of this version support both."""
_MAGIC_WITHOUT_END: Final = b"PREDLOG1"
_START: Final = struct.Struct("<8s16sIQ32s")
_FEATURES: Final = struct.Struct("<I")
_END: Final = struct.Struct("<IQQ32s")
_CHECKSUM: Final = struct.Struct("<I")
_NO_END: Final = bytes(_END.size + _CHECKSUM.size)
_CHECKSUM_AT: Final = _START.size + _FEATURES.size
_END_AT: Final = _CHECKSUM_AT + _CHECKSUM.size
HEADER_BYTES: Final = _END_AT + len(_NO_END)
FEATURES_OF_BEFORE: Final = 10
"""Features of a row, if a segment's header does not say."""


@dataclass(frozen=True, slots=True, order=True)
class SegmentKey:
    """A segment's chain and number; sorted, a chain's segments are in the order of writing."""

    chain_id: uuid.UUID
    number: int


@dataclass(frozen=True, slots=True)
class SegmentStart:
    """A segment's start in its chain: after the record `previous_sequence` with hash `previous_hash`."""

    key: SegmentKey
    previous_sequence: int
    previous_hash: bytes
    features: int
    """Number of features in each row of its records."""
    has_end_mark: bool = True
    """Whether its version has an end mark, once it is sealed."""

    @property
    def header_bytes(self) -> int:
        """Position of its first record."""
        return HEADER_BYTES if self.has_end_mark else _START.size


class Ending(IntEnum):
    """How a segment ended."""

    SEALED = 1
    """Closed by its writer: all records are complete."""
    ADOPTED = 2
    """Its process died; the last record may be truncated."""


@dataclass(frozen=True, slots=True)
class EndMark:
    """The end of a segment: its size in bytes with the header, and the chain's last record in it."""

    ending: Ending
    size: int
    sequence: int
    hash: bytes = GENESIS
    """Hash of the last record, if its process knew it."""


def pack_header(start: SegmentStart) -> bytes:
    """The header of a new segment."""
    chain_id, number = start.key.chain_id.bytes, start.key.number
    packed = _START.pack(_MAGIC, chain_id, number, start.previous_sequence, start.previous_hash)
    packed += _FEATURES.pack(start.features)
    return packed + _checksum(packed) + _NO_END


def read_start(descriptor: int) -> SegmentStart:
    """Read a segment's start.

    Raises:
        SpoolError: the file is not a segment.
    """
    data = os.pread(descriptor, HEADER_BYTES, 0)
    has_end_mark = data.startswith((_MAGIC, _MAGIC_WITHOUT_REASONS))
    if len(data) < (HEADER_BYTES if has_end_mark else _START.size) or not (
        has_end_mark or data.startswith(_MAGIC_WITHOUT_END)
    ):
        raise SpoolError("the file does not begin as a segment of the prediction log does")
    if has_end_mark and data[_CHECKSUM_AT:_END_AT] != _checksum(data[:_CHECKSUM_AT]):
        raise SpoolError("its header has changed since it was written")
    _, chain, number, sequence, previous = _START.unpack_from(data)
    chain_id = uuid.UUID(bytes=chain)
    if sequence == 0:
        previous = beginning(chain_id) if has_end_mark else GENESIS
    features = _FEATURES.unpack_from(data, _START.size)[0] if has_end_mark else FEATURES_OF_BEFORE
    return SegmentStart(SegmentKey(chain_id, number), sequence, previous, features, has_end_mark)


def read_end(descriptor: int) -> EndMark | None:
    """Read the end mark of a segment whose version has one; None if it is not marked.

    Raises:
        SpoolError: the mark is corrupt.
    """
    data = os.pread(descriptor, len(_NO_END), _END_AT)
    if data == _NO_END:
        return None
    mark, checksum = data[: _END.size], data[_END.size :]
    if checksum != _checksum(mark):
        raise SpoolError("its end mark has changed since it was written")
    ending, size, sequence, end_hash = _END.unpack(mark)
    try:
        return EndMark(Ending(ending), size, sequence, end_hash)
    except ValueError:
        raise SpoolError("its end mark has an unknown version") from None


def write_end(descriptor: int, end: EndMark) -> None:
    """Write a segment's end mark. It replaces bytes of the header, so it needs no disk space.

    Raises:
        OSError: it can't be written.
    """
    mark = _END.pack(end.ending, end.size, end.sequence, end.hash)
    os.pwrite(descriptor, mark + _checksum(mark), _END_AT)


def _checksum(data: bytes) -> bytes:
    return _CHECKSUM.pack(zlib.crc32(data))
