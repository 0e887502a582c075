"""The applications that are compared: features on disk, what both models say of them in memory.

Features are read again only for groups and for decisions that flip. They go to a file without a name, which ends with
the process, however that ends: no copy of an application outlives the comparison.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from bench.shadow.copied_rows import NO_APPLICATION
from fraud.features import FEATURE_COUNT

MOVED_AT_ONCE: Final = 100_000
US_A_DAY: Final = 86_400_000_000
_EPOCH: Final = np.datetime64("2000-01-01", "D")


@dataclass(frozen=True, slots=True, eq=False)
class Applications:
    """N applications, each as it was answered last."""

    x: NDArray[np.float32]
    """[N, F]; NaN where a feature is missing. In a file: valid within the block of `application_store`."""
    champion: NDArray[np.float32]
    candidate: NDArray[np.float32]
    """Probabilities, both [N]."""
    days: NDArray[np.datetime64]
    """[N]: of the answer (UTC)."""
    hashes: NDArray[np.int64]
    """[N]: of the ids, or `NO_APPLICATION`."""

    @property
    def weeks(self) -> NDArray[np.datetime64]:
        """[N]: Monday of each one's week."""
        days_since_monday = (self.days.astype(np.int64) + 3) % 7  # 1970 began on a Thursday
        return np.asarray(self.days - days_since_monday.astype("timedelta64[D]"), "datetime64[D]")


@dataclass(slots=True)
class ApplicationStore:
    """Takes rows as they come."""

    _file: IO[bytes]
    _champion: list[NDArray[np.float32]] = field(default_factory=list)
    _candidate: list[NDArray[np.float32]] = field(default_factory=list)
    _received_us: list[NDArray[np.int64]] = field(default_factory=list)
    _hashes: list[NDArray[np.int64]] = field(default_factory=list)

    def add(
        self,
        x: NDArray[np.float32],
        champion: NDArray[np.float32],
        candidate: NDArray[np.float32],
        received_us: NDArray[np.int64],
        hashes: NDArray[np.int64],
    ) -> None:
        """Keep rows [n]; times are microseconds since 2000."""
        self._file.write(np.ascontiguousarray(x, np.float32).data)
        self._champion.append(champion)
        self._candidate.append(candidate)
        self._received_us.append(received_us)
        self._hashes.append(hashes)

    def applications(self) -> Applications:
        """All that were kept, each application once: as it was answered last, where its id is known."""
        received_us = np.concatenate([np.empty(0, np.int64), *self._received_us])
        hashes = np.concatenate([np.empty(0, np.int64), *self._hashes])
        kept = _last_of_each(hashes, received_us)
        return Applications(
            x=self._features(received_us.size, kept),
            champion=np.concatenate([np.empty(0, np.float32), *self._champion])[kept],
            candidate=np.concatenate([np.empty(0, np.float32), *self._candidate])[kept],
            days=_EPOCH + (received_us[kept] // US_A_DAY).astype("timedelta64[D]"),
            hashes=hashes[kept],
        )

    def _features(self, rows: int, kept: NDArray[np.intp]) -> NDArray[np.float32]:
        if rows == 0:
            return np.empty((0, FEATURE_COUNT), np.float32)
        self._file.flush()
        x = np.memmap(self._file, np.float32, "r+", shape=(rows, FEATURE_COUNT))
        if kept.size < rows:
            # They rise, so none is written over before it has moved.
            for start in range(0, kept.size, MOVED_AT_ONCE):
                moved = kept[start : start + MOVED_AT_ONCE]
                x[start : start + moved.size] = x[moved]
        return x[: kept.size]


@contextmanager
def application_store(folder: Path) -> Iterator[ApplicationStore]:
    """A store whose file is in a folder, for the block."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        yield ApplicationStore(file)


def _last_of_each(hashes: NDArray[np.int64], received_us: NDArray[np.int64]) -> NDArray[np.intp]:
    """Rising places of rows without an id, and of the last row of each id; of two at one moment, the later in order."""
    order = np.lexsort((np.arange(hashes.size), received_us, hashes))
    ordered = hashes[order]
    is_last = np.ones(hashes.size, np.bool_)
    is_last[:-1] = (ordered[1:] != ordered[:-1]) | (ordered[:-1] == NO_APPLICATION)
    return np.sort(order[is_last])
