"""The stratified bootstrap: the weights are a resample, and its interval covers the truth about as often as it says."""

from __future__ import annotations

import numpy as np
import pytest

from fraud.statistics.average_precision import average_precision, resampled_average_precision
from fraud.statistics.bootstrap import BLOCK, percentile_interval, stratified_weights
from fraud.statistics.ranking import rank


def test_weights_keep_the_number_of_rows_of_each_class() -> None:
    labels = np.array([1, 0, 0, 1, 0, 0, 0])
    blocks = list(stratified_weights(labels, BLOCK + 5, np.random.default_rng(3)))
    weights = np.concatenate(blocks)
    assert [block.shape for block in blocks] == [(BLOCK, 7), (5, 7)]
    assert (weights[:, labels == 1].sum(axis=1) == 2).all()
    assert (weights[:, labels == 0].sum(axis=1) == 5).all()
    assert len(np.unique(weights, axis=0)) > 10


def test_every_row_is_drawn_once_on_average() -> None:
    labels = np.repeat([0, 1], [40, 10])
    mean = np.concatenate(list(stratified_weights(labels, 20_000, np.random.default_rng(3)))).mean(axis=0)
    # The standard error of a mean weight is about 1 / sqrt(20,000) = 0.007.
    assert mean == pytest.approx(np.ones(50), abs=0.035)


def test_same_seed_same_weights() -> None:
    labels = np.repeat([0, 1], [40, 10])
    first, second = (np.concatenate(list(stratified_weights(labels, 50, np.random.default_rng(3)))) for _ in range(2))
    assert np.array_equal(first, second)


def test_percentile_interval() -> None:
    interval = percentile_interval(0.5, np.linspace(0, 1, 1001), confidence=0.9)
    assert interval.estimate == 0.5
    assert (interval.low, interval.high) == pytest.approx((0.05, 0.95))
    assert str(interval) == "0.5000 [0.0500, 0.9500]"


def draw(rng: np.random.Generator, positives: int, negatives: int) -> tuple[np.ndarray, np.ndarray]:
    labels = np.repeat([1, 0], [positives, negatives])
    return labels, rng.normal(labels * 0.6)


def test_the_interval_of_average_precision_covers_the_truth() -> None:
    rng = np.random.default_rng(11)
    truth = average_precision(rank(*draw(rng, 80_000, 920_000)))
    covered = 0
    samples = 200
    for _ in range(samples):
        labels, scores = draw(rng, 160, 1840)
        ranking = rank(labels, scores)
        resampled = np.concatenate(
            [resampled_average_precision(ranking, weights) for weights in stratified_weights(labels, 300, rng)]
        )
        interval = percentile_interval(average_precision(ranking), resampled)
        covered += interval.low <= truth <= interval.high
    # Nominal 95%; the percentile interval is a little narrow on a skewed statistic of 160 positives.
    assert 0.88 <= covered / samples <= 0.99
