"""The clock of `bench/experiments/site/clock.py`, in each process that is started with it."""

import mmap
import os
import struct
import time

_read_time_ns = time.time_ns

with open(os.environ["CLOCK_OFFSET_FILE"], "rb") as _file:  # noqa: PTH123 - nothing more than needed this early
    _offset = mmap.mmap(_file.fileno(), 0, access=mmap.ACCESS_READ)


def _time_ns() -> int:
    (offset_ns,) = struct.unpack_from("<q", _offset)
    return _read_time_ns() + int(offset_ns)


def _time() -> float:
    return _time_ns() / 1e9


time.time_ns = _time_ns
time.time = _time
