"""Converts values to the float32 matrix. All formats round the same way: to float64 first, then to the nearest
float32.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fraud.features import FEATURE_COUNT, FEATURE_NAMES

_EXACT_IN_FLOAT64_BYTES: Final = 4
"""Integers up to this are exact in float64."""


def matrix_of_values(
    values: Iterable[float | None], rows: int, names: Sequence[str] = FEATURE_NAMES
) -> NDArray[np.float32]:
    """Values row by row, each with the features `names` -> float32 [rows, features]; None and features not in `names`
    become NaN.
    """
    with np.errstate(over="ignore"):  # values beyond float32 become infinite, and are refused later by name
        # numpy converts None to NaN.
        matrix = np.fromiter(values, dtype=np.float32, count=rows * len(names)).reshape(rows, len(names))
    return matrix if len(names) == FEATURE_COUNT else matrix_of_columns(dict(zip(names, matrix.T, strict=True)), rows)


def matrix_of_columns(columns: Mapping[str, NDArray[Any]], rows: int) -> NDArray[np.float32]:
    """A numeric array [rows] for each feature -> float32 [rows, features]; features without an array become NaN."""
    matrix = np.empty((rows, FEATURE_COUNT), dtype=np.float32)
    for position, name in enumerate(FEATURE_NAMES):
        matrix[:, position] = to_float32(columns[name]) if name in columns else np.nan
    return matrix


def to_float32(values: NDArray[Any]) -> NDArray[np.float32]:
    """Convert numbers of any type, rounded as JSON numbers are; values beyond float32 become infinite."""
    if values.dtype.kind in "iu" and values.dtype.itemsize > _EXACT_IN_FLOAT64_BYTES:
        values = values.astype(np.float64)  # JSON numbers pass through float64, and double rounding can differ
    with np.errstate(over="ignore"):
        return values.astype(np.float32, copy=False)
