"""One run at a time for each output; all its processes share its lock, those too that a kill has left for a moment."""

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
"""Below the run folder: what runs keep on this machine, wherever their outputs are."""
PATIENCE_S: Final = 2.0
"""Processes of a run that was killed take a moment to end."""
_POLL_S: Final = 0.05


class RunLock:
    """A lock that is free when this process and all that it was given to have ended, however they end.

    It belongs to an open file (flock(2)), and who is given it as an argument gets this very file. So no process of a
    run that was killed is still about to write something when the next run begins.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __reduce__(self) -> tuple[Callable[[int], RunLock], tuple[int]]:
        popen = get_spawning_popen()
        if popen is None:
            raise TypeError("a lock can be given to a new process only")
        return RunLock, (popen.duplicate_for_child(self._descriptor),)

    def take(self) -> bool:
        """Whether it is ours now; False while another has it."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Let go of it, here."""
        os.close(self._descriptor)


def name_of(output: Output) -> str:
    """What files on this machine are called that belong to an output."""
    return hashlib.sha256(str(output.location).encode()).hexdigest()[:32]


@contextmanager
def alone(run_dir: Path, output: Output) -> Iterator[RunLock]:
    """Keep other runs away from an output for the block.

    Raises:
        OutputError: another run is at work on it.
    """
    folder = run_dir / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    lock = RunLock(os.open(folder / f"{name_of(output)}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not lock.take():
            if time.monotonic() > deadline:
                raise OutputError(output.location, "another run writes it: wait for its end, or name another")
            time.sleep(_POLL_S)
        yield lock
    finally:
        lock.close()
