"""Values to the float32 matrix. Every format rounds alike: to float64 first, then to the nearest float32."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fraud.features import FEATURE_COUNT, FEATURE_NAMES

_EXACT_IN_FLOAT64_BYTES: Final = 4
"""Integers of up to this size lose nothing in float64."""


def matrix_of_values(
    values: Iterable[float | None], rows: int, names: Sequence[str] = FEATURE_NAMES
) -> NDArray[np.float32]:
    """Values row after row, of the features `names` in each -> float32 [rows, features]; None is NaN, and so are the
    features that are not named.
    """
    with np.errstate(over="ignore"):  # beyond float32 becomes infinite, which is refused by name
        # numpy takes None for NaN.
        matrix = np.fromiter(values, dtype=np.float32, count=rows * len(names)).reshape(rows, len(names))
    return matrix if len(names) == FEATURE_COUNT else matrix_of_columns(dict(zip(names, matrix.T, strict=True)), rows)


def matrix_of_columns(columns: Mapping[str, NDArray[Any]], rows: int) -> NDArray[np.float32]:
    """A numeric array [rows] for each feature -> float32 [rows, features]; a feature without one is NaN."""
    matrix = np.empty((rows, FEATURE_COUNT), dtype=np.float32)
    for position, name in enumerate(FEATURE_NAMES):
        matrix[:, position] = to_float32(columns[name]) if name in columns else np.nan
    return matrix


def to_float32(values: NDArray[Any]) -> NDArray[np.float32]:
    """Numbers of any kind, rounded as a number in JSON is; beyond float32 they become infinite."""
    if values.dtype.kind in "iu" and values.dtype.itemsize > _EXACT_IN_FLOAT64_BYTES:
        values = values.astype(np.float64)  # JSON's numbers pass through float64, and rounding twice can differ
    with np.errstate(over="ignore"):
        return values.astype(np.float32, copy=False)
