"""Rows sorted by score, and counts under resampling weights: the base of average precision and ROC AUC."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64] | NDArray[np.float64]
"""Whole where weights are, which is exact."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """N rows by falling score. Rows of equal score form a group, which no threshold can part.

    Arrays of length P hold one entry per positive row, in the order of the ranking.
    """

    order: NDArray[np.intp]
    """Row numbers by falling score [N]."""
    positive_at: NDArray[np.intp]
    """Places in `order` of the positive rows [P]."""
    group_start: NDArray[np.intp]
    """Place in `order` where the group of the positive row begins [P]."""
    group_end: NDArray[np.intp]
    """Place in `order` just after that group [P]."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Weighted rows seen from each positive row, for B sets of weights: every array is [B, P]."""

    weight: Numbers
    """Weight of the positive row itself."""
    positives_above: Numbers
    """Positive rows of higher score."""
    positives_reached: Numbers
    """Positive rows of higher or equal score: true positives at the row's own threshold."""
    rows_above: Numbers
    """Rows of higher score."""
    rows_reached: Numbers
    """Rows of higher or equal score: predicted positives at the row's own threshold."""
    rows: Numbers
    """All rows, [B, 1]."""


def rank(labels: NDArray[np.integer], scores: NDArray[np.floating]) -> Ranking:
    """Sort N rows by score once, so that any number of resamples can be counted without sorting again.

    Raises:
        ValueError: the arrays differ in length, a label is neither 0 nor 1, a class or a score is missing.
    """
    if labels.shape != scores.shape or labels.ndim != 1:
        raise ValueError(f"labels {labels.shape} and scores {scores.shape} must be vectors of one length")
    if not np.array_equal(np.unique(labels), [0, 1]):
        raise ValueError("labels must hold 0 and 1, each at least once")
    if not np.isfinite(scores).all():
        raise ValueError("scores must be finite")
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    starts = np.flatnonzero(np.concatenate(([True], falling[1:] != falling[:-1])))
    positive_at = np.flatnonzero(labels[order] == 1)
    group = np.searchsorted(starts, positive_at, side="right") - 1
    ends = np.append(starts[1:], labels.size)
    return Ranking(order, positive_at, starts[group], ends[group])


def count(ranking: Ranking, weights: NDArray[np.integer] | NDArray[np.float64]) -> Counts:
    """Count rows under B sets of weights.

    Args:
        ranking: of N rows, P of them positive.
        weights: [B, N], how often each row (in its original place) was drawn, times its design weight if it has one.
    """
    drawn = weights[:, ranking.order]
    weight = _wide(drawn[:, ranking.positive_at])
    rows = _totals(drawn)
    positives = _totals(weight)
    first = np.searchsorted(ranking.positive_at, ranking.group_start)
    beyond = np.searchsorted(ranking.positive_at, ranking.group_end)
    return Counts(
        weight=weight,
        positives_above=positives[:, first],
        positives_reached=positives[:, beyond],
        rows_above=rows[:, ranking.group_start],
        rows_reached=rows[:, ranking.group_end],
        rows=rows[:, -1:],
    )


def _totals(weights: NDArray[np.integer] | NDArray[np.float64]) -> Numbers:
    """Running totals that start at 0: [B, K] -> [B, K + 1]."""
    totals = np.zeros((weights.shape[0], weights.shape[1] + 1), _wide(weights[:0]).dtype)
    np.cumsum(weights, axis=1, out=totals[:, 1:])
    return totals


def _wide(weights: NDArray[np.integer] | NDArray[np.float64]) -> Numbers:
    return weights.astype(np.int64) if np.issubdtype(weights.dtype, np.integer) else weights.astype(np.float64)
