"""The figures of an evaluation, by hand and against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from train.evaluate import evaluate, review


@pytest.mark.parametrize(
    ("probabilities", "capacity", "precision", "recall"),
    [
        pytest.param([0.9, 0.8, 0.1, 0.2], 0.5, 1 / 2, 1 / 2, id="one of the two reviewed divorces"),
        pytest.param([0.9, 0.1, 0.8, 0.2], 0.5, 1.0, 1.0, id="both found"),
        pytest.param([0.5, 0.5, 0.5, 0.5], 0.5, 1 / 2, 1 / 2, id="all tied: what chance finds"),
        pytest.param([0.9, 0.5, 0.5, 0.1], 0.5, 3 / 4, 3 / 4, id="a tie at the border counts in part"),
        pytest.param([0.9, 0.8, 0.1, 0.2], 0.01, 1.0, 1 / 2, id="at least one row"),
    ],
)
def test_review(probabilities: list[float], capacity: float, precision: float, recall: float) -> None:
    found = review(np.array([1, 0, 1, 0], np.int8), np.array(probabilities, np.float32), capacity)
    assert (found.precision, found.recall) == pytest.approx((precision, recall))


def test_figures() -> None:
    rng = np.random.default_rng(2)
    truth = rng.beta(1, 11, 5_000).astype(np.float32)
    labels = (rng.random(5_000) < truth).astype(np.int8)
    found = evaluate(labels, truth, seed=1, resamples=200)
    assert found.average_precision.estimate == pytest.approx(average_precision_score(labels, truth), abs=1e-12)
    assert found.roc_auc.estimate == pytest.approx(roc_auc_score(labels, truth), abs=1e-12)
    for interval in (found.average_precision, found.roc_auc):
        assert interval.low < interval.estimate < interval.high
    assert found.brier_score == pytest.approx(float(np.mean((truth - labels) ** 2)), rel=1e-6)
    chances = np.where(labels == 1, truth, 1 - truth).astype(float)
    assert found.log_loss == pytest.approx(-float(np.log(chances).mean()), rel=1e-3)
    assert (found.rows, found.positive_rate) == (5_000, labels.mean())
    assert evaluate(labels, truth, seed=1, resamples=200) == found
    assert evaluate(labels, truth, seed=2, resamples=200) != found


def test_metrics_are_flat_and_finite() -> None:
    labels = np.array([0, 1, 0, 1], np.int8)
    metrics = evaluate(labels, np.array([0.1, 0.6, 0.4, 0.3], np.float32), seed=1, resamples=50).metrics("test")
    assert metrics["test_rows"] == 4
    assert metrics["test_average_precision_low"] <= metrics["test_average_precision"]
    assert all(name.startswith("test_") and math.isfinite(value) for name, value in metrics.items())
