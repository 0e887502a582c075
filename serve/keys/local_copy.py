"""The local copy of the keys that count: one file, replaced as a whole, from which all workers of a server know them.

So no request waits for the database, and while that is away the keys that were read last hold.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from serve.keys.errors import KeysError
from serve.keys.stored_key import ValidKey

FILE: Final = "api_keys.json"

Version = tuple[int, int, int] | None
"""Tells one content of the file from another; None: there is no file."""


class LocalCopy:
    """One file, written by whoever reads the database, read by all."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def version(self) -> Version:
        """Of what is there now."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

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
            raise KeysError(
                f"{self.path} can't be read ({error}): it is written anew once the database answers"
            ) from None

    def keep(self, keys: Sequence[ValidKey]) -> None:
        """Take over what the database has; nothing is written where that is here already.

        Raises:
            OSError: the file can't be written.
        """
        if self.version() is None or not self._holds(keys):
            self._replace(keys)

    def _holds(self, keys: Sequence[ValidKey]) -> bool:
        try:
            return self.read() == list(keys)
        except KeysError:
            return False

    def _replace(self, keys: Sequence[ValidKey]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        staging = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        staging.unlink(missing_ok=True)
        with os.fdopen(os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.encode(keys))
        staging.replace(self.path)


def local_copy(run_dir: Path) -> LocalCopy:
    """Of a server with this run folder."""
    return LocalCopy(run_dir / FILE)
