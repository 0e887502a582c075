"""Reads a segment: records one after the other, each checked against the one before it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import closing
from enum import Enum
from pathlib import Path

from serve.prediction_log.errors import SpoolError
from serve.prediction_log.frame import PREFIX_BYTES, StoredRecord, frame_size, frame_starts, possible_hashes, read_frame
from serve.prediction_log.read_buffer import ReadBuffer
from serve.prediction_log.segment import SEALED, open_segment
from serve.prediction_log.segment_header import Ending, read_end


class Rest(Enum):
    """The content after the last complete record of a segment."""

    NOTHING = "nothing"
    TORN = "torn"  # a truncated record: it was never answered
    DAMAGED = "damaged"  # corrupt bytes


class SegmentReader:
    """Reads a segment sequentially; a live segment may grow meanwhile."""

    def __init__(self, path: Path) -> None:
        """Open a segment.

        Raises:
            SpoolError: the file is not a segment.
            FileNotFoundError: it was removed or renamed.
        """
        self._descriptor, start = open_segment(path)
        self.chain_id = start.key.chain_id
        self.offset = start.header_bytes
        self.first_sequence = start.previous_sequence + 1
        self.sequence = start.previous_sequence
        self.hash = start.previous_hash
        self._features = start.features
        self._has_end_mark = start.has_end_mark
        self.count = 0
        """Number of records read."""
        self._has_passed_damage = False

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    @property
    def unread_bytes(self) -> int:
        """Bytes after the last record read."""
        return os.fstat(self._descriptor).st_size - self.offset

    def records(self, buffer: ReadBuffer | None = None, *, past_damage: bool = False) -> Iterator[StoredRecord]:
        """Complete and valid records from here on, stored in the `buffer`. Stops at the first incomplete or corrupt
        one; or, with `past_damage`, continues with the next one proven by the hash of the record before it. Use
        `past_damage` only for a segment that is no longer written.
        """
        buffer = buffer or ReadBuffer()
        yield from self._sound_records(buffer)
        while past_damage and self._pass_damage():
            yield from self._sound_records(buffer)

    def _sound_records(self, buffer: ReadBuffer) -> Iterator[StoredRecord]:
        while (size := self._next_size()) and size <= self.unread_bytes:
            chunk = buffer.read(self._descriptor, size, self.offset)
            try:
                while (size := frame_size(chunk, self._features)) and size <= len(chunk):
                    record = read_frame(chunk[:size], self.hash)
                    if record.facts.sequence != self.sequence + 1:
                        return
                    self.offset += size
                    self.sequence += 1
                    self.count += 1
                    self.hash = record.hash
                    yield record
                    chunk = chunk[size:]
            except SpoolError:
                return

    def next_recorded_at(self) -> int | None:
        """When the next record was made, microseconds since 1970; None if no complete and valid one follows."""
        size = self._next_size()
        if not 0 < size <= self.unread_bytes:
            return None
        data = memoryview(os.pread(self._descriptor, size, self.offset))
        try:
            return read_frame(data, self.hash).facts.recorded_at
        except SpoolError:
            return None

    def rest(self) -> Rest:
        """What follows where `records` ended. Meaningless while a process writes the segment."""
        if self._has_passed_damage or self._has_another_end():
            return Rest.DAMAGED
        tail = self._tail()
        if not tail:
            return Rest.NOTHING
        if not tail.strip(b"\x00"):
            return Rest.TORN  # the file was extended, but its content never reached the disk
        try:
            size = frame_size(tail, self._features)
        except SpoolError:
            return Rest.DAMAGED
        return Rest.TORN if size == 0 or size > len(tail) else Rest.DAMAGED

    def missing_records(self) -> int | None:
        """The number of its records that `records` did not find; None without an end mark."""
        try:
            end = read_end(self._descriptor) if self._has_end_mark else None
        except SpoolError:
            return None
        return None if end is None else max(0, end.sequence - self.first_sequence + 1 - self.count)

    def _has_another_end(self) -> bool:
        """Whether the file's end differs from its end mark."""
        if not self._has_end_mark:
            return False
        try:
            end = read_end(self._descriptor)
        except SpoolError:
            return True
        if end is None or end.size != self.offset + self.unread_bytes:
            return True
        return end.ending is Ending.SEALED and (end.size, end.sequence, end.hash) != (
            *(self.offset, self.sequence, self.hash),
        )

    def _tail(self) -> bytes:
        return os.pread(self._descriptor, self.unread_bytes, self.offset)

    def _pass_damage(self) -> bool:
        """Skip to the next valid record after a damaged one; False, without moving, if there is none."""
        tail = self._tail()
        if len(tail) < PREFIX_BYTES:
            return False
        view = memoryview(tail)
        possible = possible_hashes(view, self.hash)
        for start in frame_starts(tail, 1, self._features):
            frame = view[start : start + frame_size(view[start:], self._features)]
            for previous in possible:
                with contextlib.suppress(SpoolError):
                    record = read_frame(frame, previous)
                    if record.facts.sequence <= self.sequence:
                        continue  # older bytes, written here again
                    self.offset += start
                    self.sequence, self.hash = record.facts.sequence - 1, previous
                    self._has_passed_damage = True
                    return True
            possible = possible_hashes(frame, b"")
        return False

    def _next_size(self) -> int:
        try:
            return frame_size(os.pread(self._descriptor, PREFIX_BYTES, self.offset), self._features)
        except SpoolError:
            return 0


def records_of(path: Path) -> Iterator[StoredRecord]:
    """All complete and valid records of a segment, including those after damage if it is no longer written.

    Raises:
        SpoolError: the file is not a segment.
        FileNotFoundError: it was removed or renamed.
    """
    with closing(SegmentReader(path)) as reader:
        yield from reader.records(past_damage=path.suffix == SEALED)
