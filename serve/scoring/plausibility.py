"""Implausible values: within their bounds, but hardly true, such as an applicant who is 95 days old.

They are scored, since the model answers for every number; they are reported on request, and `/metrics` counts them by
feature.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.features import FEATURE_COUNT, FEATURES
from serve.errors import RowFault

Matrix = NDArray[np.float32]

BLOCK_ROWS: Final = 64
"""Rows compared at a time: numpy has an overhead for each inner loop, and a loop over a few features is short."""
COUNTED_LATER_MAX_ROWS: Final = 256
"""Up to this number of rows, matrices are kept and checked later, since keeping is faster than checking."""

_BYTE_MAX: Final = 255

_LOW: Final = np.array([feature.plausible_range[0] for feature in FEATURES], np.float32)
_HIGH: Final = np.array([feature.plausible_range[1] for feature in FEATURES], np.float32)
_LOW_BLOCK: Final = np.tile(_LOW, BLOCK_ROWS)
_HIGH_BLOCK: Final = np.tile(_HIGH, BLOCK_ROWS)
_SPECIAL: Final = [
    (column, np.float32(value))
    for column, feature in enumerate(FEATURES)
    if not feature.is_enumerated
    for value in feature.values.values()
]
"""Special values, which are not amounts."""
_ENUMERATED: Final = [
    (column, np.array(list(feature.values.values()), np.float32))
    for column, feature in enumerate(FEATURES)
    if feature.is_enumerated
]


def implausible(matrix: Matrix) -> NDArray[np.bool_]:
    """Which values of a matrix [N, features] are implausible; missing values are not."""
    whole = len(matrix) // BLOCK_ROWS * BLOCK_ROWS
    found = np.empty(matrix.shape, np.bool_)
    blocks = matrix[:whole].reshape(-1, BLOCK_ROWS * FEATURE_COUNT)
    np.logical_or(blocks < _LOW_BLOCK, blocks > _HIGH_BLOCK, out=found[:whole].reshape(blocks.shape))
    np.logical_or(matrix[whole:] < _LOW, matrix[whole:] > _HIGH, out=found[whole:])
    if found.any():
        for column, value in _SPECIAL:
            found[:, column] &= matrix[:, column] != value
    for column, values in _ENUMERATED:
        given = np.ascontiguousarray(matrix[:, column])
        known = np.isnan(given)
        for value in values:
            known |= given == value
        found[:, column] = ~known
    return found


def _count_by_feature(found: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many values of each column of a matrix [N, features] are true.

    Bytes are added up block by block, as many blocks at a time as a byte can count: with 10,000 rows this takes a
    fifteenth of the time of `found.sum(axis=0)`.
    """
    whole = len(found) // BLOCK_ROWS * BLOCK_ROWS
    blocks = found[:whole].view(np.uint8).reshape(-1, BLOCK_ROWS * FEATURE_COUNT)
    counts = np.zeros(BLOCK_ROWS * FEATURE_COUNT, np.int64)
    for first in range(0, len(blocks), _BYTE_MAX):
        counts += np.add.reduce(blocks[first : first + _BYTE_MAX], axis=0, dtype=np.uint8)
    by_feature = np.zeros(FEATURE_COUNT, np.int64)
    np.sum(counts.reshape(BLOCK_ROWS, FEATURE_COUNT), axis=0, out=by_feature)
    by_feature += found[whole:].sum(axis=0)
    return by_feature


def warnings_of(matrix: Matrix, positions: NDArray[np.intp]) -> list[RowFault]:
    """The implausible values of a matrix, whose rows had these positions in the request."""
    rows, columns = np.nonzero(implausible(matrix))
    return [
        RowFault(int(positions[row]), FEATURES[column].name, _explain(float(matrix[row, column]), column))
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
    ]


def _explain(value: float, column: int) -> str:
    feature = FEATURES[column]
    if feature.is_enumerated:
        expected = "one of " + ", ".join(f"{known:g}" for known in feature.values.values())
    else:
        expected = f"{feature.plausible_range[0]:g} to {feature.plausible_range[1]:g}"
    return f"{feature.name} is {value:g} {feature.unit}: implausible, usual are {expected}"


class ImplausibleValues:
    """Counts by feature; `note` may be called from any thread."""

    def __init__(self) -> None:
        self._matrices: list[Matrix] = []
        self._counts: list[NDArray[np.int64]] = []

    def note(self, matrix: Matrix) -> None:
        """Note a scored matrix."""
        if len(matrix) <= COUNTED_LATER_MAX_ROWS:
            self._matrices.append(matrix)
        else:
            self._counts.append(_count_by_feature(implausible(matrix)))

    def take(self) -> Sequence[int]:
        """The number of implausible values of each feature since the last call."""
        matrices, self._matrices = self._matrices, []
        counts, self._counts = self._counts, []
        if matrices:
            counts.append(_count_by_feature(implausible(np.concatenate(matrices))))
        return np.sum(counts, axis=0).tolist() if counts else [0] * FEATURE_COUNT
