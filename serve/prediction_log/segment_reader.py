"""Reading a segment: records one after the other, each checked against the one before it."""

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
    """What follows the last whole record of a segment."""

    NOTHING = "nothing"
    TORN = "torn"  # a record whose writing was cut off: it was never answered
    DAMAGED = "damaged"  # bytes that are not what was written


class SegmentReader:
    """Stands in a segment after the last record that was read; a live segment may grow behind it."""

    def __init__(self, path: Path) -> None:
        """Open a segment.

        Raises:
            SpoolError: the file is no segment.
            FileNotFoundError: it is gone, or has another name now.
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
        """Records that were read."""
        self._has_passed_damage = False

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    @property
    def unread_bytes(self) -> int:
        """Bytes behind the last record that was read."""
        return os.fstat(self._descriptor).st_size - self.offset

    def records(self, buffer: ReadBuffer | None = None, *, past_damage: bool = False) -> Iterator[StoredRecord]:
        """Whole and sound records from here on. They lie in the `buffer`.

        Ends at the first that is neither; or, `past_damage`, goes on with the next one that is proven by the hash of
        the record before it. Only of a segment that nobody writes any more.
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
        """When the record from here on was made, microseconds since 1970; None where no whole and sound one follows."""
        size = self._next_size()
        if not 0 < size <= self.unread_bytes:
            return None
        data = memoryview(os.pread(self._descriptor, size, self.offset))
        try:
            return read_frame(data, self.hash).facts.recorded_at
        except SpoolError:
            return None

    def rest(self) -> Rest:
        """What stands where `records` ended. Means nothing while a process writes the segment."""
        if self._has_passed_damage or self._has_another_end():
            return Rest.DAMAGED
        tail = self._tail()
        if not tail:
            return Rest.NOTHING
        if not tail.strip(b"\x00"):
            return Rest.TORN  # the file had grown and the disk never got what was in it
        try:
            size = frame_size(tail, self._features)
        except SpoolError:
            return Rest.DAMAGED
        return Rest.TORN if size == 0 or size > len(tail) else Rest.DAMAGED

    def missing_records(self) -> int | None:
        """How many of its records `records` has not found; None where no end mark says what it held."""
        try:
            end = read_end(self._descriptor) if self._has_end_mark else None
        except SpoolError:
            return None
        return None if end is None else max(0, end.sequence - self.first_sequence + 1 - self.count)

    def _has_another_end(self) -> bool:
        """Whether the file does not end where it was marked to end."""
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
        """Stand before the next sound record behind the one that is not; False, and nothing, where there is none."""
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
                        continue  # bytes of before, written here once more
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
    """All whole and sound records of a segment, those behind damage included where nobody writes it any more.

    Raises:
        SpoolError: the file is no segment.
        FileNotFoundError: it is gone, or has another name now.
    """
    with closing(SegmentReader(path)) as reader:
        yield from reader.records(past_damage=path.suffix == SEALED)
