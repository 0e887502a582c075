"""Counts the records of a segment incrementally: each call only reads new ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from serve.prediction_log.errors import SpoolError
from serve.prediction_log.frame import PREFIX_BYTES, frame_size
from serve.prediction_log.segment import open_segment

CHUNK_BYTES: Final = 1024 * 1024


class RecordCounter:
    """Hops from one record's start to the next, without reading the records."""

    def __init__(self, path: Path) -> None:
        """Open a segment.

        Raises:
            SpoolError: the file is not a segment.
            FileNotFoundError: it was removed or renamed.
        """
        self._descriptor, start = open_segment(path)
        self._sequence = start.previous_sequence
        self._offset = start.header_bytes
        self._features = start.features

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def last_sequence(self) -> int:
        """The number of the last complete record; that of the record before the segment if it has none."""
        end = os.fstat(self._descriptor).st_size
        try:
            while self._offset + PREFIX_BYTES <= end and self._hop_over_chunk(end):
                continue
        except SpoolError:
            pass  # the rest is damaged, which the shipper handles
        return self._sequence

    def _hop_over_chunk(self, end: int) -> bool:
        """Skip the records that begin in the next chunk; False if there are none."""
        chunk = memoryview(os.pread(self._descriptor, CHUNK_BYTES, self._offset))
        start = 0
        while size := frame_size(chunk[start : start + PREFIX_BYTES], self._features):
            if self._offset + start + size > end:
                break
            start += size
            self._sequence += 1
        self._offset += start
        return start > 0
