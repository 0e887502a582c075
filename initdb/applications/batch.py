"""Rows of a file, with the place of each, and what every kind of file can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

BATCH_ROWS: Final = 50_000
"""Rows that are in memory at a time."""

Progress = Callable[[int], None]
"""Told how many more bytes of the file were read."""


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A row that can't be taken apart."""

    number: int
    why: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows: the file's columns by their names, the line or row number of each, and what was no row."""

    columns: Mapping[str, pa.Array]
    numbers: npt.NDArray[np.int64]
    broken: tuple[BrokenRow, ...] = field(default=())


class ApplicationsFile(Protocol):
    """A file of applications: its columns' names, what its rows are counted in, and the rows themselves."""

    path: Path
    names: list[str]
    unit: str

    def batches(self, wanted: Sequence[str], progress: Progress) -> Iterator[Batch]:
        """The columns that are wanted, a part of the rows at a time.

        Raises:
            ApplicationsFileError: the file is broken in the middle.
        """
