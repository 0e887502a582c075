"""Rows for testing a model: ordinary ones for timing, and ones that reveal a wrong evaluation."""

from __future__ import annotations

from typing import Final

import numpy as np

from fraud.features import FEATURE_COUNT, FEATURES
from fraud.forest import Forest
from serve.engine.engine import Matrix

_FLOAT32: Final = np.finfo(np.float32)

EXTREMES: Final = np.array(
    [
        *(-np.inf, _FLOAT32.min, -1e30, -_FLOAT32.smallest_normal, -_FLOAT32.smallest_subnormal, -0.0),
        *(0.0, _FLOAT32.smallest_subnormal, _FLOAT32.smallest_normal, 1e30, _FLOAT32.max, np.inf, np.nan),
    ],
    dtype=np.float32,
)

ORDINARY_ROWS: Final = 2_048
MISSING_ROWS: Final = 1_024
EXTREME_ROWS: Final = 1_024
MOST_THRESHOLDS: Final = 2_048

MISSING_SHARES: Final = (0.03, 0.3, 1.0)


def ordinary_rows(count: int, generator: np.random.Generator) -> Matrix:
    """Applications drawn uniformly over the typical values, [count, 10]."""
    low, high = (np.array([feature.typical[side] for feature in FEATURES]) for side in (0, 1))
    rows = generator.uniform(low, high, size=(count, FEATURE_COUNT))
    whole = np.array([feature.integral for feature in FEATURES])
    return np.where(whole, np.rint(rows), rows).astype(np.float32)


def revealing_rows(forest: Forest, generator: np.random.Generator) -> Matrix:
    """Ordinary rows, rows on thresholds and one float to either side, rows with missing and with extreme values, [n,
    10].
    """
    return np.concatenate(
        [
            ordinary_rows(ORDINARY_ROWS, generator),
            _threshold_rows(forest, generator),
            *(_missing_rows(share, generator) for share in MISSING_SHARES),
            _extreme_rows(generator),
        ]
    )


def _threshold_rows(forest: Forest, generator: np.random.Generator) -> Matrix:
    """Rows with every value on a threshold of its feature, or one float beside it."""
    feature = np.concatenate([tree.feature[tree.splits] for tree in forest.trees])
    threshold = np.concatenate([tree.threshold[tree.splits] for tree in forest.trees])
    columns = [_near(np.unique(threshold[feature == column]), generator) for column in range(FEATURE_COUNT)]
    rows = ordinary_rows(max(len(column) for column in columns), generator)
    for number, column in enumerate(columns):
        # Shuffled, so that thresholds of different features meet; repeated where a feature has fewer.
        if len(column):
            rows[:, number] = np.resize(generator.permutation(column), len(rows))
    return rows


def _near(thresholds: Matrix, generator: np.random.Generator) -> Matrix:
    if len(thresholds) > MOST_THRESHOLDS:
        thresholds = generator.choice(thresholds, MOST_THRESHOLDS, replace=False)
    below, above = (np.nextafter(thresholds, np.float32(side)) for side in (-np.inf, np.inf))
    return np.concatenate([below, thresholds, above])


def _missing_rows(share: float, generator: np.random.Generator) -> Matrix:
    rows = ordinary_rows(MISSING_ROWS, generator)
    rows[generator.random(rows.shape) < share] = np.nan
    return rows


def _extreme_rows(generator: np.random.Generator) -> Matrix:
    rows = ordinary_rows(EXTREME_ROWS, generator)
    replaced = generator.random(rows.shape) < 0.3
    rows[replaced] = generator.choice(EXTREMES, int(replaced.sum()))
    return np.concatenate([rows, np.repeat(EXTREMES[:, np.newaxis], FEATURE_COUNT, axis=1)])
