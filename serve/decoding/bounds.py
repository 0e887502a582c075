"""The checks shared by all formats: number of rows, columns, values."""

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
"""Minimum of each feature."""
MAY_BE_MISSING: Final = np.array([feature.may_be_missing for feature in FEATURES], dtype=np.bool_)
REQUIRED_NAMES: Final = tuple(feature.name for feature in FEATURES if not feature.may_be_missing)
"""The required features; there is at least one."""
THE_FEATURES: Final = f"the {FEATURE_COUNT} features" if FEATURE_COUNT > 1 else "the feature"


def check_row_count(rows: int, max_rows: int) -> None:
    """Check the number of rows.

    Raises:
        InvalidInstance: no rows.
        BodyTooLarge: more than `max_rows`.
    """
    if rows == 0:
        raise InvalidInstance(f"the batch is empty: expected at least one application with {THE_FEATURES}")
    if rows > max_rows:
        raise BodyTooLarge(f"{rows} instances: at most {max_rows} are scored in one request")


def check_header(names: Sequence[str]) -> None:
    """Check that the columns are the features, in any order, and optionally labels; optional features may be left out.

    Raises:
        InvalidInstance: naming a column that is missing, unknown or duplicate.
    """
    for name in REQUIRED_NAMES:
        if name not in names:
            raise InvalidInstance(f"column {name} is missing: expected {THE_FEATURES}", field=name)
    for name, times in Counter(names).items():
        if times > 1:
            raise InvalidInstance(f"column {name} appears {times} times: expected it once", field=name)
        if name not in LABELS and name not in FEATURE_NAMES:
            raise InvalidInstance(f"unknown column {name!r}: expected {THE_FEATURES}", field=name)


def within_bounds(matrix: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which values are finite and at or above their feature's minimum."""
    # NaN fails this comparison too; the second one catches infinity.
    return (matrix >= MINIMA) & (matrix < np.inf)


def explain_value(value: float, column: int) -> str:
    """Describe the fault of a feature's value."""
    feature = FEATURES[column]
    found = "is null or NaN" if np.isnan(value) else f"is {value:g}"
    perhaps = ", or null" if feature.may_be_missing else ""
    expected = f"a number of {feature.unit}, at least {feature.minimum:g} and within float32{perhaps}"
    return f"{feature.name} {found}: expected {expected}"
