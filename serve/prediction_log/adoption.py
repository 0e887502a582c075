"""Adoption of segments left by dead server processes, whose ends are not marked."""

from __future__ import annotations

import contextlib
import os
from contextlib import closing
from pathlib import Path

from serve.prediction_log.errors import SpoolError
from serve.prediction_log.record_counter import RecordCounter
from serve.prediction_log.segment import SEALED, open_file
from serve.prediction_log.segment_header import Ending, EndMark, read_start, write_end


def adopt(path: Path) -> Path:
    """Mark the end of a dead process's segment, and rename it to a sealed one; returns its path.

    Raises:
        SpoolError, FileNotFoundError: as `open_file`.
        OSError: the mark can't be written.
    """
    with contextlib.suppress(SpoolError):  # a file that is not a segment is set aside later
        _mark_end(path)
    sealed = path.with_suffix(SEALED)
    path.rename(sealed)
    return sealed


def _mark_end(path: Path) -> None:
    with closing(RecordCounter(path)) as counter:
        last = counter.last_sequence()
    descriptor = open_file(path, os.O_RDWR)
    try:
        if read_start(descriptor).has_end_mark:
            # The process died between mark and rename: the disk may have the mark, but not the records.
            write_end(descriptor, EndMark(Ending.ADOPTED, os.fstat(descriptor).st_size, last))
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
