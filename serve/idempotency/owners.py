"""Which server process is at work on a key, and whether it still lives: the kernel frees a dead process's lock."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from serve.prediction_log.segment import STAGING, create_locked, is_in_use


class Owner:
    """This process, as the others see it."""

    def __init__(self, folder: Path) -> None:
        """Hold a lock under a name of our own until `close`, or the end of the process."""
        self.id = uuid.uuid4()
        self._path = folder / self.id.hex
        staging = folder / (self.id.hex + STAGING)
        self._descriptor = create_locked(staging)
        staging.rename(self._path)

    def close(self) -> None:
        """Be gone, as far as others are concerned."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def is_alive(folder: Path, owner_id: uuid.UUID) -> bool:
    """Whether the process of that name still runs; clears away what a dead one left."""
    path = folder / owner_id.hex
    try:
        if is_in_use(path):
            return True
    except FileNotFoundError:
        return False
    path.unlink(missing_ok=True)
    return False
