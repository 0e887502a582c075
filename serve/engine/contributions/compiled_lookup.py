"""The lookup as machine code."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fraud.features import FEATURE_COUNT
from serve.engine.compilation import compile_code
from serve.engine.contributions.contributions import Effects
from serve.engine.contributions.tables import ContributionTables
from serve.engine.engine import Matrix


class CompiledLookup:
    """The tables and their compiled lookup, which releases the GIL."""

    __slots__ = ("_arrays", "_code", "_count", "_local")

    def __init__(self, tables: ContributionTables, cache_dir: Path | None) -> None:
        """Compile the code, or load it from the cache.

        Raises:
            ForestRefusedError: numba can't compile for this machine.
        """
        tables.check()  # compiled code does not check bounds
        self._code = compile_code(cache_dir).explain_rows
        self._count = tables.count
        self._arrays: tuple[NDArray[np.float32] | NDArray[np.int32], ...] = (
            *(tables.thresholds, tables.threshold_starts, tables.offsets, tables.starts),
            *(tables.columns, tables.column_starts, tables.values),
        )
        self._local = threading.local()

    def __call__(self, matrix: Matrix, effects: Effects) -> None:
        """Write the effects of rows."""
        self._code(matrix, effects, *self._arrays, *self._scratch())

    def _scratch(self) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        try:
            found: tuple[NDArray[np.int32], NDArray[np.float64]] = self._local.scratch
        except AttributeError:
            found = self._local.scratch = (np.empty(self._count, dtype=np.int32), np.empty(FEATURE_COUNT))
        return found
