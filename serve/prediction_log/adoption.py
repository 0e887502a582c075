"""What dead server processes left: segments that nobody writes any more, and that nobody has marked the end of."""

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
    """Mark where a segment ends whose process has died, and name it a sealed one; gives its path.

    Raises:
        SpoolError, FileNotFoundError: as `open_file`.
        OSError: the disk does not take the mark.
    """
    with contextlib.suppress(SpoolError):  # what is no segment is set aside when its turn comes
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
            # A mark that is there already was not followed by its name: the disk may have it, and not the records.
            write_end(descriptor, EndMark(Ending.ADOPTED, os.fstat(descriptor).st_size, last))
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
