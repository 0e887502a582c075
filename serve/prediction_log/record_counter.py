"""How many records a segment holds, at the cost of looking at those that have come since the last look."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from serve.prediction_log.errors import SpoolError
from serve.prediction_log.frame import PREFIX_BYTES, frame_size
from serve.prediction_log.segment import open_segment

CHUNK_BYTES: Final = 1024 * 1024


class RecordCounter:
    """Goes from one record's beginning to the next, and reads none of them."""

    def __init__(self, path: Path) -> None:
        """Open a segment.

        Raises:
            SpoolError: the file is no segment.
            FileNotFoundError: it is gone, or has another name now.
        """
        self._descriptor, start = open_segment(path)
        self._sequence = start.previous_sequence
        self._offset = start.header_bytes
        self._features = start.features

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def last_sequence(self) -> int:
        """The number of the last whole record; that of the one before the segment when it holds none."""
        end = os.fstat(self._descriptor).st_size
        try:
            while self._offset + PREFIX_BYTES <= end and self._hop_over_chunk(end):
                continue
        except SpoolError:
            pass  # what follows is damaged, and the shipper's business
        return self._sequence

    def _hop_over_chunk(self, end: int) -> bool:
        """Pass the records that begin in the next chunk; False when there is none."""
        chunk = memoryview(os.pread(self._descriptor, CHUNK_BYTES, self._offset))
        start = 0
        while size := frame_size(chunk[start : start + PREFIX_BYTES], self._features):
            if self._offset + start + size > end:
                break
            start += size
            self._sequence += 1
        self._offset += start
        return start > 0
