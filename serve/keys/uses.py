"""Times of last use, written by the workers of one server: one empty file for each key, whose modification time is the
time of use.

Workers only touch files, and the newest time wins, so no lock is needed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Final

FOLDER: Final = "api_key_uses"


class KeyUses:
    """The folder of these files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def note(self, numbers: Iterable[int]) -> None:
        """Note that these keys were used just now.

        Raises:
            OSError: the folder can't be written.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in numbers:
            (self._folder / str(number)).touch(mode=0o600)

    def since(self, moment: dt.datetime) -> dict[int, dt.datetime]:
        """Times of last use of the keys used after a time."""
        if not self._folder.is_dir():
            return {}
        used = {int(file.name): _time_of(file) for file in self._folder.iterdir() if file.name.isdecimal()}
        return {number: at for number, at in used.items() if at > moment}


def _time_of(file: Path) -> dt.datetime:
    return dt.datetime.fromtimestamp(file.stat().st_mtime, dt.UTC)


def key_uses(run_dir: Path) -> KeyUses:
    """The folder of a server with this run folder."""
    return KeyUses(run_dir / FOLDER)
