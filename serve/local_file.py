"""A local copy of database content: replaced atomically by one process, read by all workers of a server."""

from __future__ import annotations

import os
from pathlib import Path

Version = tuple[int, int, int] | None
"""Identifies one content of a file; None: there is no file."""


class LocalFile:
    """One file, which only its owner reads."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def version(self) -> Version:
        """The version of the current content."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def replace(self, content: bytes) -> None:
        """Replace the file atomically: readers see either the old content or the new one.

        Raises:
            OSError: the file can't be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        staging = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        staging.unlink(missing_ok=True)
        with os.fdopen(os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        staging.replace(self.path)
