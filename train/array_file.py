"""Arrays on disk: written slice by slice, then mapped, so that memory holds only what is being read.

The files have no name: nobody else can open them, and the disk has their room back when the last view of them is gone.
They lie in the folder for temporary files (`TMPDIR`), which has to be on a disk if they can be larger than memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

SLICE_ROWS: Final = 262_144
"""Rows of a matrix that are in memory at a time: 10 MB of ten features."""


class ArrayFile:
    """Rows of one type and width, appended to a file without a name."""

    def __init__(self, dtype: DTypeLike, *width: int) -> None:
        """Begin an array [0, *width]."""
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - open until the last view is gone
        self._dtype, self._width, self._rows = np.dtype(dtype), width, 0

    def append(self, rows: NDArray[Any]) -> None:
        """Write further rows [N, *width] of whatever type."""
        np.ascontiguousarray(rows, self._dtype).tofile(self._file)
        self._rows += len(rows)

    def mapped(self) -> NDArray[Any]:
        """All rows, of which there must be one at least, read-only; nothing is appended from now on."""
        self._file.flush()
        with self._file as file:
            # As a plain array: what is computed from it is one too.
            return np.asarray(np.memmap(file, self._dtype, "r", shape=(self._rows, *self._width)))


def slices(rows: int) -> Iterator[slice]:
    """All rows, in order, as slices that fit into memory."""
    for start in range(0, rows, SLICE_ROWS):
        yield slice(start, min(start + SLICE_ROWS, rows))


def in_slices(x: NDArray[np.float32], predict: Callable[[NDArray[np.float32]], NDArray[Any]]) -> NDArray[np.float32]:
    """What a model says of rows [N, F], as float32 [N]; it is asked slice by slice."""
    said = np.empty(len(x), np.float32)
    for rows in slices(len(x)):
        said[rows] = predict(x[rows])
    return said


def joined_on_disk(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    """The rows [N, F] of both, of which there must be one at least."""
    both = ArrayFile(one.dtype, *one.shape[1:])
    for part in (one, other):
        for rows in slices(len(part)):
            both.append(part[rows])
    return both.mapped()
