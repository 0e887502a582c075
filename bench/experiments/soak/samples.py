"""What became of every request of a load: a column each, a file for all of them."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

_TYPES: Final = "qbbddhb"
"""Of the columns, as `array` calls them."""
BROKEN: Final = 0
"""The status of a request whose connection ended without an answer."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Columns of one length; requests in the order of their ends."""

    number: NDArray[np.int64]
    """Behind the load's name in the request's id."""
    stretch: NDArray[np.int8]
    """Number of its stretch in the plan."""
    kind: NDArray[np.int8]
    """Number of its kind in the mix."""
    due_s: NDArray[np.float64]
    """Scheduled time, since the plan began."""
    latency_s: NDArray[np.float64]
    """From then to the last byte of its answer."""
    status: NDArray[np.int16]
    retry_after: NDArray[np.int8]
    """Whether the answer has that header."""

    def where(self, chosen: NDArray[np.bool_]) -> Samples:
        """Some of the requests."""
        return Samples(*(getattr(self, name)[chosen] for name in self.__slots__))

    def of_stretch(self, number: int) -> Samples:
        """The requests of one stretch."""
        return self.where(self.stretch == number)

    @classmethod
    def read(cls, path: Path) -> Self:
        """What a `Recorder` wrote."""
        with path.open("rb") as file:
            return cls(*(np.load(file, allow_pickle=False) for _ in _TYPES))


class Recorder:
    """Columns in the making."""

    def __init__(self) -> None:
        self._columns: list[array[Any]] = [array(kind) for kind in _TYPES]

    def add(self, *values: float) -> None:
        """One request, its values in the order of the columns."""
        for column, value in zip(self._columns, values, strict=True):
            column.append(value)

    def write(self, path: Path) -> None:
        """Write them to a file for `Samples.read`."""
        with path.open("wb") as file:
            for column in self._columns:
                np.save(file, np.frombuffer(column, column.typecode))
