"""The checks that every format shares: how many rows, which columns, which values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.features import FEATURE_COUNT, FEATURE_NAMES, FEATURES
from serve.decoding.rows import LABELS
from serve.errors import BodyTooLarge, InvalidInstance

MINIMA: Final = np.array([feature.minimum for feature in FEATURES], dtype=np.float32)
"""Least value of each feature [10]."""


def check_row_count(rows: int, max_rows: int) -> None:
    """There is something to score, and not too much of it.

    Raises:
        InvalidInstance: no row.
        BodyTooLarge: more than `max_rows`.
    """
    if rows == 0:
        raise InvalidInstance("the batch is empty: expected at least one application with the ten features")
    if rows > max_rows:
        raise BodyTooLarge(f"{rows} instances: at most {max_rows} are scored in one request")


def check_header(names: Sequence[str]) -> None:
    """The columns are the ten features, in any order, and perhaps labels.

    Raises:
        InvalidInstance: naming a column that is missing, unknown or there twice.
    """
    for name in FEATURE_NAMES:
        if name not in names:
            raise InvalidInstance(f"there is no column {name}: expected the ten features", field=name)
    for name, times in Counter(names).items():
        if times > 1:
            raise InvalidInstance(f"column {name} is there {times} times: expected it once", field=name)
        if name not in LABELS and name not in FEATURE_NAMES:
            raise InvalidInstance(f"unknown column {name!r}: expected the ten features", field=name)


def check_bounds(matrix: NDArray[np.float32]) -> None:
    """Every value is finite and at or above its feature's minimum.

    Raises:
        InvalidInstance: naming the first value that is not.
    """
    # NaN fails this comparison too, and infinity is caught by the second.
    valid = (matrix >= MINIMA) & (matrix < np.inf)
    if valid.all():
        return
    row, column = divmod(int(np.argmin(valid)), FEATURE_COUNT)
    feature = FEATURES[column]
    value = float(matrix[row, column])
    expected = f"a number of {feature.unit}, at least {feature.minimum:g} and within float32"
    raise InvalidInstance(f"{feature.name} is {value:g}: expected {expected}", instance=row, field=feature.name)
