"""The only place where a matrix becomes rows for scoring: every value is checked, and all faults are named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.features import FEATURE_NAMES
from serve.decoding.bounds import MAY_BE_MISSING, explain_value, within_bounds
from serve.decoding.rows import DecodedRows, Labels, labelled
from serve.errors import InvalidInstance, RowFault

_NONE: Final[Mapping[int, RowFault]] = MappingProxyType({})


class FaultyRows(InvalidInstance):
    """Some rows break the feature schema; `good` has the valid rows, with the faults of the others."""

    def __init__(self, good: DecodedRows) -> None:
        first = good.faults[0]
        super().__init__(first.message, first.instance, first.field, good.faults)
        self.good = good


def checked_rows(
    matrix: NDArray[np.float32], labels: Mapping[str, Labels], faults: Mapping[int, RowFault] = _NONE
) -> DecodedRows:
    """Rows with their labels, once all values are valid.

    Args:
        matrix: float32 [N, features]; it is kept, so the caller must not change it.
        labels: by name, N entries each or none.
        faults: faults of unreadable rows, by row number; their rows in the matrix are dropped.

    Raises:
        FaultyRows: a row is invalid.
    """
    valid = within_bounds(matrix)
    if not faults and valid.all():
        return labelled(matrix, labels)
    missing = np.isnan(matrix)
    # NaN has millions of bit patterns, and a client may send any of them; the record uses only one.
    matrix[missing] = np.nan
    wrong = ~(valid | missing & MAY_BE_MISSING)
    found = dict(faults)
    for row in np.flatnonzero(wrong.any(axis=1)).tolist():
        if row not in found:
            column = int(np.argmax(wrong[row]))
            found[row] = RowFault(row, FEATURE_NAMES[column], explain_value(float(matrix[row, column]), column))
    if found:
        raise FaultyRows(_without(matrix, labels, [found[row] for row in sorted(found)]))
    return labelled(matrix, labels)


def _without(matrix: NDArray[np.float32], labels: Mapping[str, Labels], faults: Sequence[RowFault]) -> DecodedRows:
    is_good = np.ones(len(matrix), np.bool_)
    is_good[[fault.instance for fault in faults]] = False
    kept = np.flatnonzero(is_good).tolist()
    good = {name: [values[row] for row in kept] for name, values in labels.items() if values}
    return labelled(matrix[is_good], good, faults)
