"""What a fuzzing process has seen, in memory that its parent reads while it runs and after it died."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass, fields
from pathlib import Path

import psutil

MEGABYTE = 1024**2


@dataclass(slots=True)
class Tally:
    """Counts of one decoder."""

    inputs: int = 0
    accepted: int = 0
    refused: int = 0
    faults: int = 0
    slowest_ns: int = 0
    """Time on the processor that the slowest input took."""
    warm_bytes: int = 0
    """Memory of the process after a tenth of its inputs."""
    last_bytes: int = 0

    @property
    def growth_bytes(self) -> int:
        """Of the memory, from the tenth part of the inputs to the last of them."""
        return self.last_bytes - self.warm_bytes


_LAYOUT = struct.Struct(f"<{len(fields(Tally))}q")


class SharedTally:
    """A tally in a file that both processes map."""

    def __init__(self, path: Path) -> None:
        with path.open("a+b") as file:
            file.truncate(_LAYOUT.size)
            self._memory = mmap.mmap(file.fileno(), _LAYOUT.size)

    def write(self, tally: Tally) -> None:
        _LAYOUT.pack_into(self._memory, 0, *(getattr(tally, field.name) for field in fields(Tally)))

    def read(self) -> Tally:
        return Tally(*_LAYOUT.unpack_from(self._memory))


def memory_in_use() -> int:
    """Of this process, bytes."""
    resident: int = psutil.Process().memory_info().rss
    return resident
