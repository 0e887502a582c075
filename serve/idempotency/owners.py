"""Which server process is at work on a key, and whether it still lives: the kernel frees a dead process's lock."""

from __future__ import annotations

import fcntl
import os
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Final

OWNER_ONLY: Final = 0o600


class Owner:
    """This process, as the others see it."""

    def __init__(self, folder: Path) -> None:
        """Hold a lock under a name of our own until `close`, or the end of the process."""
        self.id = uuid.uuid4()
        self._path = folder / self.id.hex
        staging = folder / f"{self.id.hex}.new"
        self._descriptor = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWNER_ONLY)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        staging.rename(self._path)  # whoever sees the name finds it locked

    def close(self) -> None:
        """Be gone, as far as others are concerned."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def is_alive(folder: Path, owner_id: uuid.UUID) -> bool:
    """Whether the process of that name still runs; clears away what a dead one left."""
    path = folder / owner_id.hex
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    with suppress(FileNotFoundError):
        path.unlink()
    return False
