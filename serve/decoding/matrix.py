"""Values to the float32 matrix. Every format rounds alike: to float64 first, then to the nearest float32."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fraud.features import FEATURE_COUNT, FEATURE_NAMES
from serve.decoding.bounds import check_bounds

_EXACT_IN_FLOAT64_BYTES: Final = 4
"""Integers of up to this size lose nothing in float64."""


def matrix_of_values(values: Iterable[float], rows: int) -> NDArray[np.float32]:
    """`rows` x 10 values, row after row in the order of the features -> float32 [rows, 10], checked.

    Raises:
        InvalidInstance: a value is out of bounds.
    """
    with np.errstate(over="ignore"):  # beyond float32 becomes infinite, which check_bounds refuses by name
        matrix = np.fromiter(values, dtype=np.float32, count=rows * FEATURE_COUNT).reshape(rows, FEATURE_COUNT)
    check_bounds(matrix)
    return matrix


def matrix_of_columns(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    """A numeric array [N] for each feature -> float32 [N, 10], checked.

    Raises:
        InvalidInstance: a value is out of bounds.
    """
    matrix = np.empty((len(columns[FEATURE_NAMES[0]]), FEATURE_COUNT), dtype=np.float32)
    for position, name in enumerate(FEATURE_NAMES):
        matrix[:, position] = to_float32(columns[name])
    check_bounds(matrix)
    return matrix


def to_float32(values: NDArray[Any]) -> NDArray[np.float32]:
    """Numbers of any kind, rounded as a number in JSON is; beyond float32 they become infinite."""
    if values.dtype.kind in "iu" and values.dtype.itemsize > _EXACT_IN_FLOAT64_BYTES:
        values = values.astype(np.float64)  # JSON's numbers pass through float64, and rounding twice can differ
    with np.errstate(over="ignore"):
        return values.astype(np.float32, copy=False)
