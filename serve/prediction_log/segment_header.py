"""The header of a segment: where in its chain it begins and, once nobody writes it any more, where it ends.

    PREDLOG3: chain id | number | sequence and hash of the record before | features a row | checksum | end mark, zeros
              before
    PREDLOG2: the same, of the time before records had reasons
    PREDLOG1: the same up to the hash, of the time before chains began with the hash of their id; ten features a row

Records have as many features as their process had declared; one that reads them may have more.

The end mark stands here, in bytes that are there from the beginning: wherever a file is cut, it tells what is missing.
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
"""Whoever knew no other name would take records with reasons for others; whoever knows this one reads both."""
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
"""A row's, where a segment does not tell."""


@dataclass(frozen=True, slots=True, order=True)
class SegmentKey:
    """Which segment of which chain; sorted, a chain's segments are in the order of writing."""

    chain_id: uuid.UUID
    number: int


@dataclass(frozen=True, slots=True)
class SegmentStart:
    """Where in its chain a segment begins: after the record `previous_sequence`, whose hash is `previous_hash`."""

    key: SegmentKey
    previous_sequence: int
    previous_hash: bytes
    features: int
    """So many has each row of its records."""
    has_end_mark: bool = True
    """Whether its version has one, once it is sealed."""

    @property
    def header_bytes(self) -> int:
        """Where its first record begins."""
        return HEADER_BYTES if self.has_end_mark else _START.size


class Ending(IntEnum):
    """How a segment came to its end."""

    SEALED = 1
    """By the process that wrote it: all of it are whole records."""
    ADOPTED = 2
    """Its process died; the last record may be cut off."""


@dataclass(frozen=True, slots=True)
class EndMark:
    """What a segment holds: so many bytes with the header, and the chain's records up to this one."""

    ending: Ending
    size: int
    sequence: int
    hash: bytes = GENESIS
    """Of the last record, where its process knew it."""


def pack_header(start: SegmentStart) -> bytes:
    """The header of a segment that is about to be written."""
    chain_id, number = start.key.chain_id.bytes, start.key.number
    packed = _START.pack(_MAGIC, chain_id, number, start.previous_sequence, start.previous_hash)
    packed += _FEATURES.pack(start.features)
    return packed + _checksum(packed) + _NO_END


def read_start(descriptor: int) -> SegmentStart:
    """Where a segment begins.

    Raises:
        SpoolError: the file is no segment.
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
    """Where a segment of the version that has an end mark ends; None where nobody has marked it.

    Raises:
        SpoolError: the mark is not what was written.
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
        raise SpoolError("its end mark is of no version that is known here") from None


def write_end(descriptor: int, end: EndMark) -> None:
    """Mark where a segment ends. It replaces bytes of the header, so it takes no space on the disk.

    Raises:
        OSError: the disk does not take it.
    """
    mark = _END.pack(end.ending, end.size, end.sequence, end.hash)
    os.pwrite(descriptor, mark + _checksum(mark), _END_AT)


def _checksum(data: bytes) -> bytes:
    return _CHECKSUM.pack(zlib.crc32(data))
