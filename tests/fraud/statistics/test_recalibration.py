from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from fraud.statistics.recalibration import fit_recalibration, log_odds, recalibrated


def rows(number: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    probabilities = rng.beta(1, 6, number).astype(np.float32)
    labels = rng.random(number) < recalibrated(np.array([0.4, 1.3]), log_odds(probabilities))
    return labels.astype(np.int8), probabilities


def test_line_is_that_of_a_logistic_regression() -> None:
    labels, probabilities = rows(4_000, 1)
    other = LogisticRegression(C=np.inf, tol=1e-10).fit(log_odds(probabilities).reshape(-1, 1), labels)
    line = fit_recalibration(labels, probabilities).line
    assert line == pytest.approx([other.intercept_[0], other.coef_[0, 0]], abs=1e-5)


def test_truth_lies_in_the_interval_of_the_line_as_often_as_it_says() -> None:
    within = []
    for seed in range(300):
        found = fit_recalibration(*rows(2_000, seed))
        spread = np.sqrt(np.diag(found.covariance))
        within.append(np.abs(found.line - [0.4, 1.3]) <= 1.96 * spread)
    assert np.mean(within, axis=0) == pytest.approx([0.95, 0.95], abs=0.04)


def test_drawn_lines_spread_as_the_covariance_says() -> None:
    found = fit_recalibration(*rows(2_000, 5))
    drawn = found.lines(20_000, np.random.default_rng(1))
    assert np.cov(drawn.T) == pytest.approx(found.covariance, rel=0.05)


def test_equal_probabilities_have_their_mean_put_right() -> None:
    found = fit_recalibration(np.array([1, 0, 0, 0]), np.full(4, 0.5, np.float32))
    assert recalibrated(found.line, log_odds(np.full(1, 0.5))) == pytest.approx([0.25])


def test_certain_probabilities_are_no_infinite_log_odds() -> None:
    assert np.isfinite(log_odds(np.array([0, 1], np.float32))).all()


def test_weighted_line_is_that_of_repeated_rows_and_as_unsure_as_the_rows_are() -> None:
    rng = np.random.default_rng(5)
    probabilities = rng.uniform(0.02, 0.6, 2_000)
    labels = (rng.random(2_000) < probabilities).astype(np.int8)
    weights = np.where(rng.random(2_000) < 0.3, 5.0, 1.0)
    found = fit_recalibration(labels, probabilities, weights)
    each = np.repeat(np.arange(2_000), weights.astype(int))
    repeated = fit_recalibration(labels[each], probabilities[each])
    assert found.line == pytest.approx(repeated.line, abs=1e-8)
    design_effect = np.diag(found.covariance) / np.diag(repeated.covariance)
    expected = (weights**2).sum() / weights.sum()
    assert design_effect == pytest.approx([expected, expected], rel=0.15), "rows that were repeated tell nothing new"
