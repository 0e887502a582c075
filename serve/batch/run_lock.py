"""One run at a time for each output; all its processes share the lock, including those that briefly outlive a kill."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import get_spawning_popen
from pathlib import Path
from typing import Final

from serve.batch.errors import OutputError
from serve.batch.work_folder import Output

FOLDER: Final = "batch"
"""Below the run folder: local files of runs, wherever their outputs are."""
PATIENCE_S: Final = 2.0
"""Seconds to wait for the processes of a killed run to end."""
_POLL_S: Final = 0.05


class RunLock:
    """A lock that is released when this process and all processes that share it have ended, however they end.

    It is held by an open file (flock(2)), and a process that gets it as an argument shares that file. So no process of
    a killed run can still write when the next run begins.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __reduce__(self) -> tuple[Callable[[int], RunLock], tuple[int]]:
        popen = get_spawning_popen()
        if popen is None:
            raise TypeError("a lock can only be passed to a new process")
        return RunLock, (popen.duplicate_for_child(self._descriptor),)

    def take(self) -> bool:
        """Try to take the lock; False while another run has it."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Release the lock in this process."""
        os.close(self._descriptor)


def name_of(output: Output) -> str:
    """The name of an output's local files."""
    return hashlib.sha256(str(output.location).encode()).hexdigest()[:32]


@contextmanager
def alone(run_dir: Path, output: Output) -> Iterator[RunLock]:
    """Lock an output for the block.

    Raises:
        OutputError: another run is writing it.
    """
    folder = run_dir / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    lock = RunLock(os.open(folder / f"{name_of(output)}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not lock.take():
            if time.monotonic() > deadline:
                raise OutputError(
                    output.location, "is being written by another run: wait until it ends, or name another output"
                )
            time.sleep(_POLL_S)
        yield lock
    finally:
        lock.close()
