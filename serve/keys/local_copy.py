"""The local copy of the valid keys: one file, replaced atomically, read by all workers of a server. So no request waits
for the database, and while it is unavailable the keys read last stay valid.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from serve.keys.errors import KeysError
from serve.keys.stored_key import ValidKey
from serve.local_file import LocalFile

FILE: Final = "api_keys.json"


class LocalCopy(LocalFile):
    """The file: written by the process that reads the database, read by all workers."""

    def read(self) -> list[ValidKey]:
        """The keys; empty if none were fetched yet.

        Raises:
            KeysError: the file has other content.
        """
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=list[ValidKey])
        except FileNotFoundError:
            return []
        except (OSError, msgspec.MsgspecError) as error:
            raise KeysError(
                f"{self.path} can't be read ({error}): it will be rewritten once the database answers"
            ) from None

    def keep(self, keys: Sequence[ValidKey]) -> None:
        """Store the database's keys; writes nothing if they have not changed.

        Raises:
            OSError: the file can't be written.
        """
        if self.version() is None or not self._holds(keys):
            self.replace(msgspec.json.encode(keys))

    def _holds(self, keys: Sequence[ValidKey]) -> bool:
        try:
            return self.read() == list(keys)
        except KeysError:
            return False


def local_copy(run_dir: Path) -> LocalCopy:
    """The local copy of a server with this run folder."""
    return LocalCopy(run_dir / FILE)
