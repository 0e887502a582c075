"""Trees behind scalers -> the same trees on unscaled values, exactly.

A split tests scaled(x) < t, and scaled() never falls as x rises. So there is a smallest float32 x with
scaled(x) >= t, and "x < that" is the same test. It is found by bisecting the bit patterns of float32, in at most 32
steps, with the fitted scalers themselves in the loop: whatever they round, and in whichever precision, is part of the
answer. A formula (t * scale + mean) is off by a float or two, which matters for features that are whole numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.utils.validation import check_is_fitted

from convert.errors import UnsupportedModelError
from convert.source import Matrix, Source, Vector, array_input
from fraud.features import FEATURE_COUNT, FEATURE_NAMES
from fraud.forest import Forest

Keys = NDArray[np.int64]
"""Float32 values as integers in the same order: the next key is the next float."""

# Exact types: a subclass may transform in any way it likes.
FOLDABLE: Final = (StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler)

LARGEST: Final = np.finfo(np.float32).max
SIGN_BIT: Final = 0x8000_0000
PROBES_A_COLUMN: Final = 4096


def fold(forest: Forest, source: Source) -> Forest:
    """The forest whose answers to unscaled rows are those of the whole pipeline; `forest` itself without scalers.

    Finite values and NaN only: scalers refuse infinities. A threshold that no float32 reaches becomes infinity.

    Raises:
        UnsupportedModelError: a step is not one of `FOLDABLE`, or its fitted scale is zero, negative or not a number.
    """
    if not source.scalers:
        return forest
    for scaler in source.scalers:
        _check_step(scaler)
    _check_rising(source.scalers)
    tables = [_fold_column(forest, column, source.scalers) for column in range(FEATURE_COUNT)]
    trees = []
    for tree in forest.trees:
        threshold = tree.threshold.copy()
        for node in tree.splits:
            threshold[node] = tables[tree.feature[node]][threshold[node]]
        trees.append(replace(tree, threshold=threshold))
    return replace(forest, trees=tuple(trees))


def _fold_column(forest: Forest, column: int, scalers: Iterable[Any]) -> dict[np.float32, np.float32]:
    split_on = [tree.threshold[tree.splits][tree.feature[tree.splits] == column] for tree in forest.trees]
    scaled = np.unique(np.concatenate([*split_on, np.empty(0, dtype=np.float32)]))
    if not scaled.size:
        return {}
    return dict(zip(scaled, _smallest_reaching(scaled, column, scalers), strict=True))


def _smallest_reaching(scaled: Vector, column: int, scalers: Iterable[Any]) -> Vector:
    """For each scaled threshold the smallest float32 whose scaled value is not below it, [n] -> [n]."""
    # `below` never reaches the threshold, `reaching` always does; they start one float outside the finite ones.
    outside = _keys(np.array([-np.inf, np.inf], dtype=np.float32))
    below, reaching = (np.full(scaled.size, key, dtype=np.int64) for key in outside)
    while np.any(reaching - below > 1):
        # After the end of a search the middle is `below` itself, which may be -inf: use a finite float instead.
        middle = np.clip((below + reaching) // 2, outside[0] + 1, outside[1] - 1)
        reached = _scale_column(_floats(middle), column, scalers) >= scaled
        searching = reaching - below > 1
        reaching = np.where(searching & reached, middle, reaching)
        below = np.where(searching & ~reached, middle, below)
    return _floats(reaching)


def _scale_column(values: Vector, column: int, scalers: Iterable[Any]) -> Vector:
    rows = np.zeros((values.size, FEATURE_COUNT), dtype=np.float32)
    rows[:, column] = values
    return _scale(rows, scalers)[:, column]


def _scale(rows: Matrix, scalers: Iterable[Any]) -> Matrix:
    scaled = rows
    with array_input():
        for scaler in scalers:
            scaled = scaler.transform(scaled)
    # What XGBoost does with a matrix that is not float32.
    return np.asarray(scaled, dtype=np.float32)


def _check_step(scaler: Any) -> None:
    name = type(scaler).__name__
    if type(scaler) not in FOLDABLE:
        allowed = ", ".join(known.__name__ for known in FOLDABLE)
        raise UnsupportedModelError("pipeline step", f"{name} can't be folded into trees", f"use none, or {allowed}")
    try:
        check_is_fitted(scaler)
    except NotFittedError as error:
        raise UnsupportedModelError("fitted", f"{name} is not fitted", "fit the whole pipeline") from error
    names = getattr(scaler, "feature_names_in_", None)
    if scaler.n_features_in_ != FEATURE_COUNT or (names is not None and tuple(names) != FEATURE_NAMES):
        found = f"{name} was fitted on {scaler.n_features_in_} columns, {'unnamed' if names is None else list(names)}"
        raise UnsupportedModelError("features", found, f"fit it on {', '.join(FEATURE_NAMES)}, in this order")


def _check_rising(scalers: Iterable[Any]) -> None:
    keys = np.linspace(_keys(-LARGEST), _keys(LARGEST), PROBES_A_COLUMN).astype(np.int64)
    ladder = np.repeat(_floats(keys)[:, np.newaxis], FEATURE_COUNT, axis=1)
    missing = np.full((1, FEATURE_COUNT), np.nan, dtype=np.float32)
    try:
        scaled, scaled_missing = _scale(ladder, scalers), _scale(missing, scalers)
    except ValueError as error:
        # One scaler's result is infinite and the next one refuses it.
        raise UnsupportedModelError("pipeline step", f"the scalers fail: {error}", "use one scaler, or none") from error
    # Written so that NaN fails too. Clipping may flatten the ends, but not the whole.
    rising = np.all(scaled[1:] >= scaled[:-1], axis=0) & (scaled[-1] > scaled[0]) & np.isnan(scaled_missing[0])
    if not rising.all():
        faulty = ", ".join(name for name, good in zip(FEATURE_NAMES, rising, strict=True) if not good)
        raise UnsupportedModelError(
            "pipeline step", f"the scale of {faulty} is zero, negative or not a number", "fit the scaler again"
        )


def _keys(values: Vector | np.float32) -> Keys:
    bits = np.asarray(values, dtype=np.float32).view(np.uint32).astype(np.int64)
    return np.where(bits < SIGN_BIT, bits, SIGN_BIT - 1 - bits)


def _floats(keys: Keys) -> Vector:
    return np.where(keys >= 0, keys, SIGN_BIT - 1 - keys).astype(np.uint32).view(np.float32)
