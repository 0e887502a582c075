"""A name for each bridge of a machine. When a bridge ends, however it ends, the next one inherits its name.

RUN_DIR/stream/bridge-N   holds a random id; locked by the bridge that has this name
"""

from __future__ import annotations

import fcntl
import itertools
import os
import uuid
from pathlib import Path
from typing import Final

FOLDER: Final = "stream"
"""Below the run folder."""


class Instance:
    """The first free name; the kernel frees its lock when the process ends."""

    def __init__(self, run_dir: Path) -> None:
        folder = run_dir / FOLDER
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in itertools.count():
            descriptor = os.open(folder / f"bridge-{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            self._descriptor = descriptor
            self.id = _id_in(descriptor)
            return

    def close(self) -> None:
        """Free the name."""
        os.close(self._descriptor)


def _id_in(descriptor: int) -> str:
    """The id in the file; a new one if there is none."""
    text = os.pread(descriptor, 32, 0).decode("ascii", "replace")
    try:
        return uuid.UUID(text).hex
    except ValueError:
        made = uuid.uuid4().hex
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, made.encode(), 0)
        return made
