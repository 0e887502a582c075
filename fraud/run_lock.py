"""The lock of the run folder: one stack at a time, as long as its process lives."""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path
from typing import Final

LOCK_FILE: Final = "lock"
_FLOCK: Final = "hhqqi4x"
"""`struct flock` of fcntl(2): `type, whence, start, length, process`."""


def hold(run_dir: Path) -> bool:
    """Hold the folder until this process ends; False when another process does.

    The kernel frees an "open file description" lock at any death of its holder (fcntl(2)), so none can be left over.
    """
    descriptor = os.open(run_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _whole_file())
    except (BlockingIOError, PermissionError):
        os.close(descriptor)
        return False
    return True


def is_held(run_dir: Path) -> bool:
    """Whether a process holds the folder, this one included; asks without taking the lock."""
    try:
        descriptor = os.open(run_dir / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _whole_file())
    finally:
        os.close(descriptor)
    return bool(struct.unpack(_FLOCK, answer)[0] != fcntl.F_UNLCK)


def _whole_file() -> bytes:
    return struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
