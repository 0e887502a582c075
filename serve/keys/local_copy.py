"""The local copy of the keys that count: one file, replaced as a whole, from which all workers of a server know them.

So no request waits for the database, and while that is away the keys that were read last hold.
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
    """One file, written by whoever reads the database, read by all."""

    def read(self) -> list[ValidKey]:
        """The keys; none where nobody has fetched any.

        Raises:
            KeysError: the file holds something else.
        """
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=list[ValidKey])
        except FileNotFoundError:
            return []
        except (OSError, msgspec.MsgspecError) as error:
            raise KeysError(f"{self.path} can't be read ({error}): it is rewritten once the database answers") from None

    def keep(self, keys: Sequence[ValidKey]) -> None:
        """Take over what the database has; nothing is written where that is here already.

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
    """Of a server with this run folder."""
    return LocalCopy(run_dir / FILE)
