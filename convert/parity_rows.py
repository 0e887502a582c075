"""Rows on which a wrong conversion shows: on every threshold, with missing values, with extreme values."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from convert.source import Matrix
from fraud.features import FEATURE_COUNT, FEATURES
from fraud.forest import Forest, Tree

_FLOAT32: Final = np.finfo(np.float32)

EXTREMES: Final = np.array(
    [
        *(-np.inf, _FLOAT32.min, -_FLOAT32.smallest_normal, -_FLOAT32.smallest_subnormal, -0.0),
        *(0.0, _FLOAT32.smallest_subnormal, _FLOAT32.smallest_normal, _FLOAT32.max, np.inf),
    ],
    dtype=np.float32,
)

MISSING_ROWS_A_FEATURE: Final = 100
MAX_PATTERNS: Final = 1024
"""Sets of missing features."""
ROWS_A_PATTERN: Final = 16
EXTREME_ROWS_A_VALUE: Final = 16
"""For each feature and value."""

SEED: Final = 0
"""Of the choice of real rows, so that a check that fails fails again."""


def made_rows(real: Matrix, count: int, seed: int = SEED) -> Matrix:
    """Rows that take each value from another real row, [count, 10]: values as they occur, in combinations that are new.

    Repeating whole rows would compare nothing that was not compared before.
    """
    generator = np.random.default_rng(seed)
    made = np.empty((count, FEATURE_COUNT), dtype=np.float32)
    for column in range(FEATURE_COUNT):
        made[:, column] = generator.choice(real[:, column], count)
    return made


def threshold_rows(forest: Forest, real: Matrix) -> Matrix:
    """Three rows a split: the value on its threshold, one float below and one above, [3 * splits, 10].

    The other values are a real row's, moved only as far as needed for the row to reach the split, so that every
    threshold is tested and not only those that real rows happen to pass.
    """
    generator = np.random.default_rng(SEED)
    parts = [np.empty((0, FEATURE_COUNT), dtype=np.float32)]
    for tree in forest.trees:
        lower, upper = _bounds(tree)
        splits = tree.splits
        rows = _move_between(real[generator.integers(len(real), size=splits.size)], lower[splits], upper[splits])
        threshold = tree.threshold[splits]
        for value in (_next_below(threshold), threshold, _next_above(threshold)):
            on_threshold = rows.copy()
            on_threshold[np.arange(splits.size), tree.feature[splits]] = value
            parts.append(on_threshold)
    return np.concatenate(parts)


def missing_rows(real: Matrix) -> Matrix:
    """Real rows with one feature missing, for each feature; with each set of those missing that may be; and a row with
    nothing in it.
    """
    one = _replaced(real, np.array([np.nan], dtype=np.float32), MISSING_ROWS_A_FEATURE)
    generator = np.random.default_rng(SEED)
    is_missing = np.repeat(_patterns(generator), ROWS_A_PATTERN, axis=0)
    rows = real[generator.integers(len(real), size=len(is_missing))]
    rows[is_missing] = np.nan
    return np.concatenate([one, rows])


def _patterns(generator: np.random.Generator) -> NDArray[np.bool_]:
    """Which features are missing together, of those that may be: all sets, or some where they are many, [N, F]."""
    may_be = [column for column, feature in enumerate(FEATURES) if feature.may_be_missing]
    numbers = np.arange(min(2 ** len(may_be), MAX_PATTERNS))
    sets = numbers[:, np.newaxis] >> np.arange(len(may_be)) & 1
    if 2 ** len(may_be) > MAX_PATTERNS:
        sets = generator.integers(2, size=(MAX_PATTERNS, len(may_be)))
    patterns = np.zeros((len(sets), FEATURE_COUNT), dtype=np.bool_)
    patterns[:, may_be] = sets
    return patterns


def extreme_rows(real: Matrix) -> Matrix:
    """Real rows with one extreme value, for each feature and value, and rows of nothing but one extreme value."""
    return _replaced(real, EXTREMES, EXTREME_ROWS_A_VALUE)


def _replaced(real: Matrix, values: NDArray[np.float32], rows_a_value: int) -> Matrix:
    generator = np.random.default_rng(SEED)
    feature, value, _ = (
        axis.ravel() for axis in np.indices((FEATURE_COUNT, len(values), rows_a_value), dtype=np.int64)
    )
    rows = real[generator.integers(len(real), size=feature.size)]
    rows[np.arange(feature.size), feature] = values[value]
    uniform = np.repeat(values[:, np.newaxis], FEATURE_COUNT, axis=1)
    return np.concatenate([rows, uniform])


def _bounds(tree: Tree) -> tuple[Matrix, Matrix]:
    """For each node the values with which a row reaches it: lower <= x < upper, both [n, 10]."""
    lower = np.full((len(tree.left), FEATURE_COUNT), -np.inf, dtype=np.float32)
    upper = np.full((len(tree.left), FEATURE_COUNT), np.inf, dtype=np.float32)
    for node in tree.splits:
        left, right, feature = tree.left[node], tree.right[node], tree.feature[node]
        for child in (left, right):
            lower[child], upper[child] = lower[node], upper[node]
        upper[left, feature] = min(upper[node, feature], tree.threshold[node])
        lower[right, feature] = max(lower[node, feature], tree.threshold[node])
    return lower, upper


def _move_between(rows: Matrix, lower: Matrix, upper: Matrix) -> Matrix:
    # A missing value may go either way at a split, so it stays only where no split of the path looks at it.
    bounded = np.isfinite(lower) | np.isfinite(upper)
    last = _next_below(upper)
    filled = np.where(np.isnan(rows) & bounded, np.where(np.isfinite(lower), lower, last), rows)
    return np.where(bounded, np.clip(filled, lower, last), rows)


def _next_below(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.nextafter(values, np.float32(-np.inf))


def _next_above(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.nextafter(values, np.float32(np.inf))
