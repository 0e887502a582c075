"""Segment files, which store a chain's records until they are in PostgreSQL.

A segment is named `<chain>-<number>.open` while its server process writes it and holds its lock, and
`<chain>-<number>.sealed` afterwards. The kernel frees the lock of a process that dies for any reason: an `.open` file
without a lock was left by a dead process, and is complete except perhaps for its last record.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from serve.prediction_log.errors import SpoolError
from serve.prediction_log.segment_header import (
    HEADER_BYTES,
    Ending,
    EndMark,
    SegmentKey,
    SegmentStart,
    pack_header,
    read_start,
    write_end,
)

OPEN: Final = ".open"
SEALED: Final = ".sealed"
STAGING: Final = ".new"
CLAIM_LOCK: Final = "claim.lock"
OWNER_ONLY: Final = 0o600
OWNER_FOLDER: Final = 0o700

_NAME: Final = re.compile(r"([0-9a-f]{32})-(\d{8})\.(open|sealed)")
_ALMOST: Final = re.compile(r"[0-9a-f]{32}-\d{8}(?!\.(open|sealed|new)$)|\.(open|sealed)|^\.nfs")


def _name(key: SegmentKey) -> str:
    return f"{key.chain_id.hex}-{key.number:08d}"


def make_folder(folder: Path) -> None:
    """Create the spool's folder, accessible only to its owner."""
    folder.mkdir(mode=OWNER_FOLDER, parents=True, exist_ok=True)


def list_segments(folder: Path) -> dict[SegmentKey, Path]:
    """All segments of a spool, each chain's in the order of writing. A path may be out of date when used, since
    segments are sealed and removed. But none is missed: reading a folder may miss a file being renamed (readdir(3)), so
    it is read twice, and a segment is renamed only once.
    """
    # By name: a chain's segments are adjacent and in the order of writing, open before sealed.
    names = sorted({*os.listdir(folder), *os.listdir(folder)})  # noqa: PTH208 - paths of thousands cost
    keys = ((key_of(name), name) for name in names)
    return {key: folder / name for key, name in keys if key is not None}


def strays(folder: Path) -> list[Path]:
    """Files named almost like a segment, such as a copy of one."""
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return [folder / name for name in names if _ALMOST.search(name) and key_of(name) is None]


def key_of(name: str) -> SegmentKey | None:
    """The segment of a file name; None if it is not a segment's."""
    match = _NAME.fullmatch(name)
    return None if match is None else SegmentKey(uuid.UUID(match[1]), int(match[2]))


def segment_paths(folder: Path, key: SegmentKey) -> tuple[Path, Path]:
    """The paths of a segment while it is written and afterwards; checked in this order, none is missed."""
    name = _name(key)
    return folder / (name + OPEN), folder / (name + SEALED)


@contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Hold the machine-wide lock for creating segments."""
    with (folder / CLAIM_LOCK).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def claimed_bytes(folder: Path, segment_bytes: int) -> int:
    """Total size of segments; those still written count with their full size. Call under `claim`."""
    total = 0
    with os.scandir(folder) as files:
        for file in files:
            if not file.name.endswith((OPEN, SEALED)):
                continue
            try:
                size = file.stat().st_size
            except FileNotFoundError:
                continue  # shipped or renamed meanwhile
            total += max(size, segment_bytes) if file.name.endswith(OPEN) else size
    return total


def is_in_use(path: Path) -> bool:
    """Whether a living process holds this file's lock: for a segment, its writer.

    Raises:
        SpoolError, FileNotFoundError: as `open_file`.
    """
    descriptor = open_file(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def remove_abandoned_staging(folder: Path) -> None:
    """Remove segments whose creation was interrupted. Call under `claim`, which creators hold."""
    for path in folder.glob(f"*{STAGING}"):
        path.unlink()


def create_locked(path: Path) -> int:
    """Create a file and hold its lock, which shows `is_in_use` that this process is alive; returns its descriptor. It
    is created under a temporary name and then renamed, so that nobody can see it unlocked.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWNER_ONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def open_segment(path: Path) -> tuple[int, SegmentStart]:
    """Open a segment for reading; returns its descriptor and its start in the chain.

    Raises:
        SpoolError: the file is not a segment.
        FileNotFoundError: it was removed or renamed.
    """
    descriptor = open_file(path)
    try:
        start = read_start(descriptor)
        if key_of(path.name) not in {None, start.key}:
            raise SpoolError(f"it is named as another segment than its header says, {_name(start.key)}")
    except SpoolError:
        os.close(descriptor)
        raise
    return descriptor, start


def open_file(path: Path, mode: int = os.O_RDONLY) -> int:
    """Open a file of the spool, by default for reading; returns its descriptor.

    Raises:
        SpoolError: it is not a regular file, or can't be read.
        FileNotFoundError: it was removed or renamed.
    """
    try:
        # Opening a pipe would block until another process writes to it.
        descriptor = os.open(path, mode | os.O_CLOEXEC | os.O_NONBLOCK)
    except PermissionError as error:
        raise SpoolError(f"{path} can't be read: change its owner to the server's user ({error.strerror})") from error
    except IsADirectoryError as error:
        raise SpoolError(f"{path} is no file") from error
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise SpoolError(f"{path} is no file")


class OpenSegment:
    """A segment that this process writes."""

    def __init__(self, folder: Path, start: SegmentStart) -> None:
        """Create the file, locked and with its header. Call under `claim`."""
        name = _name(start.key)
        self.path = folder / (name + OPEN)
        staging = folder / (name + STAGING)
        self.last = start.previous_sequence, start.previous_hash
        """Sequence and hash of the chain's last record here, updated with each write."""
        self._is_marked = False
        self.descriptor = create_locked(staging)
        try:
            self.size = 0
            self.write((pack_header(start),), HEADER_BYTES)
            staging.rename(self.path)
        except OSError:
            os.close(self.descriptor)
            staging.unlink(missing_ok=True)
            raise

    def write(self, buffers: Sequence[bytes | memoryview], size: int) -> None:
        """Append `size` bytes, all of them or none.

        Raises:
            OSError: they can't be written.
        """
        try:
            written = os.writev(self.descriptor, buffers)
            if written == size:
                self.size += size
                return
            # A full disk accepts a part; the next attempt raises the error.
            rest = b"".join(buffers)[written:]
            while rest:
                rest = rest[os.write(self.descriptor, rest) :]
            self.size += size
        except OSError:
            os.ftruncate(self.descriptor, self.size)
            os.lseek(self.descriptor, self.size, os.SEEK_SET)
            raise

    def mark_end(self) -> None:
        """Mark the chain's `last` record as the end; sync the mark and the records to disk. If that fails, the segment
        is left as if the process had died.
        """
        with contextlib.suppress(OSError):
            write_end(self.descriptor, EndMark(Ending.SEALED, self.size, *self.last))
            self._is_marked = True

    def seal(self) -> None:
        """Rename a segment with a marked end to a sealed one, and release the lock."""
        if self._is_marked:
            self.path.rename(self.path.with_suffix(SEALED))
        os.close(self.descriptor)
