"""A wall clock that an experiment can set, for a server's processes alone.

Python imports a module `sitecustomize` before anything else; the folder `settable_clock` has one, which puts a clock
with an offset for `time.time` and `time.time_ns`. The server's code knows nothing of it.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Final

OFFSET_FILE_VARIABLE: Final = "CLOCK_OFFSET_FILE"
_OFFSET: Final = struct.Struct("<q")
_FOLDER: Final = Path(__file__).parent / "settable_clock"


class Clock:
    """The offset that the processes read, in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set_offset(0)

    @property
    def environment(self) -> dict[str, str]:
        """Environment of the processes that use this clock."""
        path = os.pathsep.join(filter(None, (str(_FOLDER), os.environ.get("PYTHONPATH"))))
        return {"PYTHONPATH": path, OFFSET_FILE_VARIABLE: str(self._file)}

    def set_offset(self, seconds: int) -> None:
        """Set the clock so far before (below 0) or behind the machine's, from now on."""
        self._file.touch()
        with self._file.open("r+b") as file:
            file.write(_OFFSET.pack(seconds * 10**9))
