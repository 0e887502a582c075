"""The server process that works on a key, and whether it is alive: the kernel frees a dead process's lock."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from serve.prediction_log.segment import STAGING, create_locked, is_in_use


class Owner:
    """This process, visible to the others."""

    def __init__(self, folder: Path) -> None:
        """Hold a lock under a unique name until `close`, or the end of the process."""
        self.id = uuid.uuid4()
        self._path = folder / self.id.hex
        staging = folder / (self.id.hex + STAGING)
        self._descriptor = create_locked(staging)
        staging.rename(self._path)

    def close(self) -> None:
        """Release the lock: others consider this process dead."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def is_alive(folder: Path, owner_id: uuid.UUID) -> bool:
    """Whether the process of that name is alive; removes the file of a dead one."""
    path = folder / owner_id.hex
    try:
        if is_in_use(path):
            return True
    except FileNotFoundError:
        return False
    path.unlink(missing_ok=True)
    return False
