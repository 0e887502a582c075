"""Bootstrap over rows, as weights.

The resamples draw as many positive and as many negative rows as there are, so the positive rate, on which average
precision depends, stays what it is. Where rows stand for others the rate itself is an estimate: how many of the few
rows that stand for many are positive decides it. So these are drawn whatever their label, as they were.

Weights instead of row numbers let two models be compared on the same resamples, each with its own ranking, without
sorting again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.statistics.design_weights import DesignWeights
from fraud.statistics.interval import Interval

BLOCK: Final = 32
"""Resamples per block: 32 x 21,400 rows of int32 are 2.7 MB, which stays in the cache."""


def stratified_weights(
    labels: NDArray[np.integer], resamples: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int32]]:
    """Draw resamples of N labelled rows; yields blocks int32[<= BLOCK, N] of how often each row was drawn."""
    strata = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    for start in range(0, resamples, BLOCK):
        weights = np.zeros((min(BLOCK, resamples - start), labels.size), np.int32)
        for rows in strata:
            for resample in weights:
                resample[rows] = np.bincount(rng.integers(0, rows.size, rows.size), minlength=rows.size)
        yield weights


def resample_weights(
    labels: NDArray[np.integer], design: DesignWeights, resamples: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int32] | NDArray[np.float64]]:
    """Draw resamples of N rows of both labels; yields blocks [<= BLOCK, N]: how often each was drawn,
    times its weight."""
    if design is None:
        yield from stratified_weights(labels, resamples, rng)
        return
    for start in range(0, resamples, BLOCK):
        yield np.stack([_drawn(labels, rng) for _ in range(min(BLOCK, resamples - start))]) * design


def _drawn(labels: NDArray[np.integer], rng: np.random.Generator) -> NDArray[np.intp]:
    """How often each row was drawn; a draw of one label has no figures, and another follows."""
    while True:
        drawn = np.bincount(rng.integers(0, labels.size, labels.size), minlength=labels.size)
        if 0 < (drawn * labels).sum() < labels.size:
            return drawn


def percentile_interval(estimate: float, resampled: NDArray[np.float64], confidence: float = 0.95) -> Interval:
    """The two-sided percentile interval (Efron & Tibshirani 1993, ch. 13) of an estimate and its resamples [B]."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Interval(estimate, float(low), float(high))
