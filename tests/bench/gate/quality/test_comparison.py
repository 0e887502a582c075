"""The paired bootstrap: every figure of every resample is what scikit-learn says of the drawn rows."""

from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss

from bench.gate.quality.comparison import compare
from fraud.statistics.bootstrap import stratified_weights
from tests.bench.gate.quality.scored_rows import applications, probabilities


def test_each_resample_is_what_scikit_learn_says_of_the_drawn_rows() -> None:
    data = applications(rows=400)
    champion, candidate = probabilities(data, 1.0, 1), probabilities(data, 1.5, 2)
    found = compare(data.y, champion, candidate, review_capacity=0.1, rng=np.random.default_rng(3), resamples=40)

    drawn = np.concatenate(list(stratified_weights(data.y, 40, np.random.default_rng(3))))
    for resample, weights in enumerate(drawn):
        labels, ours, theirs = (np.repeat(values, weights) for values in (data.y, candidate, champion))
        assert found.average_precision.candidate_resampled[resample] == pytest.approx(
            average_precision_score(labels, ours)
        )
        assert found.average_precision.champion_resampled[resample] == pytest.approx(
            average_precision_score(labels, theirs)
        )
        assert found.brier_score.candidate_resampled[resample] == pytest.approx(brier_score_loss(labels, ours))
    assert found.average_precision.candidate == pytest.approx(average_precision_score(data.y, candidate))
    assert found.brier_score.champion == pytest.approx(brier_score_loss(data.y, champion))


def test_the_review_finds_what_the_top_rows_hold() -> None:
    data = applications(rows=400)
    scores = probabilities(data, 1.5, 2)
    found = compare(data.y, scores, scores, review_capacity=0.1, rng=np.random.default_rng(3), resamples=10)
    hits = data.y[np.argsort(-scores)[:40]].sum()
    assert found.review_precision.candidate == pytest.approx(hits / 40)
    assert found.review_recall.champion == pytest.approx(hits / data.y.sum())


def test_a_model_beside_itself_differs_by_nothing() -> None:
    data = applications()
    scores = probabilities(data, 1.0, 1)
    found = compare(data.y, scores, scores, review_capacity=0.05, rng=np.random.default_rng(3), resamples=50)
    figure = found.average_precision
    assert (figure.difference.low, figure.difference.high, figure.lower_bound(0.01)) == (0, 0, 0)
    assert figure.probability_higher == 0.5


def test_pairing_makes_the_interval_narrow() -> None:
    data = applications()
    champion = probabilities(data, 1.0, 1)
    candidate = np.asarray(champion * np.random.default_rng(2).uniform(0.9, 1.1, champion.size), np.float32)
    found = compare(data.y, champion, candidate, review_capacity=0.05, rng=np.random.default_rng(3), resamples=300)
    figure = found.average_precision
    alone = figure.candidate_interval.high - figure.candidate_interval.low
    assert figure.difference.high - figure.difference.low < alone / 4


def test_same_seed_same_figures() -> None:
    data = applications(rows=400)
    one, other = probabilities(data, 1.0, 1), probabilities(data, 1.5, 2)
    first, second = (
        compare(data.y, one, other, review_capacity=0.05, rng=np.random.default_rng(3), resamples=20) for _ in range(2)
    )
    assert np.array_equal(first.average_precision.differences, second.average_precision.differences)


def test_2000_resamples_of_20000_rows_take_seconds() -> None:
    data = applications(rows=20_000)
    start = time.perf_counter()
    compare(
        data.y,
        probabilities(data, 1.0, 1),
        probabilities(data, 1.5, 2),
        review_capacity=0.05,
        rng=np.random.default_rng(3),
        resamples=2_000,
    )
    assert time.perf_counter() - start < 20
