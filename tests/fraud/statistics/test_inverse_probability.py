from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from bench.gate.quality.simulation import true_average_precision
from fraud.statistics.inverse_probability import looked_at_average_precision, weighted_average_precision
from tests.fraud.statistics.reviewed_labels import RATE, SEPARATION, two_years

APPLICATIONS = 156_000
"""Of two years, 214 a day."""


@pytest.mark.parametrize("distinct", [4, 10_000], ids=["ties", "no ties"])
def test_weighted_average_precision_is_scikit_learns(distinct: int) -> None:
    rng = np.random.default_rng(1)
    labels, scores = rng.integers(2, size=500), rng.integers(distinct, size=500).astype(np.float32)
    weights = rng.exponential(size=500)
    expected = average_precision_score(labels, scores, sample_weight=weights)
    assert weighted_average_precision(labels, scores, weights).estimate == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("distinct", [4, 10_000], ids=["ties", "no ties"])
def test_influence_is_the_slope_by_each_weight(distinct: int) -> None:
    rng = np.random.default_rng(2)
    labels, scores = rng.integers(2, size=60), rng.integers(distinct, size=60).astype(np.float32)
    weights = rng.exponential(size=60) + 0.1
    found = weighted_average_precision(labels, scores, weights)
    step = 1e-6
    for row in range(60):
        more, less = weights.copy(), weights.copy()
        more[row] += step
        less[row] -= step
        ends = (weighted_average_precision(labels, scores, by).estimate for by in (more, less))
        slope = (next(ends) - next(ends)) / (2 * step)
        assert found.influence[row] == pytest.approx(weights[row] * slope, abs=1e-7)
    assert found.influence.sum() == pytest.approx(0, abs=1e-12)


def test_perfect_ranking_has_no_interval_that_it_could_know() -> None:
    found = looked_at_average_precision(np.array([1, 0]), np.array([0.9, 0.1]), np.ones(2))
    assert (found.estimate, found.low, found.high) == (1, 0, 1)


def covered(trials: int) -> tuple[float, float]:
    """How often the interval holds the truth, and the mean of the unweighted estimate."""
    truth = true_average_precision(SEPARATION, RATE)
    within, unweighted = [], []
    for seed in range(trials):
        known = two_years(np.random.default_rng(seed), APPLICATIONS)
        found = looked_at_average_precision(known.labels, known.scores, known.looked_at)
        within.append(found.low <= truth <= found.high)
        alone = weighted_average_precision(known.labels, known.scores, np.ones(known.labels.size))
        unweighted.append(alone.estimate)
    return float(np.mean(within)), float(np.mean(unweighted))


def test_labels_of_the_reviewed_mislead_and_weights_put_that_right() -> None:
    share, unweighted = covered(150)
    assert unweighted > 0.55, "the truth is 0.352"
    assert 0.9 <= share <= 0.99


@pytest.mark.long
def test_weighted_interval_holds_the_truth_in_95_percent() -> None:
    share, _ = covered(2_000)
    assert share == pytest.approx(0.95, abs=0.015)
