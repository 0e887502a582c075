"""Our average precision and ROC AUC against scikit-learn's, ties and resampling weights included."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from fraud.statistics.average_precision import average_precision, resampled_average_precision
from fraud.statistics.bootstrap import stratified_weights
from fraud.statistics.ranking import rank
from fraud.statistics.roc_auc import resampled_roc_auc, roc_auc

rows = st.lists(
    # Few distinct scores: most rows are tied with others.
    st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5000001, 1.0]), st.integers(0, 3)),
    min_size=2,
    max_size=40,
).filter(lambda rows: len({label for label, _, weight in rows if weight}) == 2)


@given(rows)
@settings(max_examples=300, deadline=None)
def test_equals_scikit_learn_on_the_drawn_rows(rows: list[tuple[int, float, int]]) -> None:
    labels, scores, weights = (np.array(column) for column in zip(*rows, strict=True))
    ranking = rank(labels, scores)
    drawn_labels, drawn_scores = np.repeat(labels, weights), np.repeat(scores, weights)

    assert average_precision(ranking) == pytest.approx(average_precision_score(labels, scores), abs=1e-12)
    assert roc_auc(ranking) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    resampled = resampled_average_precision(ranking, weights[np.newaxis])[0]
    assert resampled == pytest.approx(average_precision_score(drawn_labels, drawn_scores), abs=1e-12)
    assert resampled_roc_auc(ranking, weights[np.newaxis])[0] == pytest.approx(
        roc_auc_score(drawn_labels, drawn_scores), abs=1e-12
    )


@pytest.mark.parametrize(
    ("labels", "scores", "expected"),
    [
        pytest.param([1, 0, 0, 0], [0.9, 0.5, 0.4, 0.1], 1.0, id="perfect"),
        pytest.param([0, 0, 0, 1], [0.9, 0.5, 0.4, 0.1], 0.25, id="worst"),
        pytest.param([1, 0, 0, 0], [0.5, 0.5, 0.5, 0.5], 0.25, id="one tied group = the positive rate"),
        pytest.param([1, 0, 1, 0], [0.9, 0.5, 0.5, 0.1], 0.5 + 0.5 * 2 / 3, id="a tie counts its negatives"),
    ],
)
def test_by_hand(labels: list[int], scores: list[float], expected: float) -> None:
    assert average_precision(rank(np.array(labels), np.array(scores))) == pytest.approx(expected, abs=1e-15)


def test_float32_scores_tie_as_float32() -> None:
    labels = np.array([1, 0, 1, 0, 0])
    scores = np.array([0.3, 0.3 + 1e-9, 0.2, 0.2, 0.1]).astype(np.float32)
    assert average_precision(rank(labels, scores)) == average_precision_score(labels, scores)


@pytest.mark.parametrize(
    ("labels", "scores"),
    [
        pytest.param([0, 0], [0.1, 0.2], id="one class"),
        pytest.param([0, 2], [0.1, 0.2], id="label 2"),
        pytest.param([0, 1], [0.1, np.nan], id="NaN score"),
        pytest.param([0, 1, 1], [0.1, 0.2], id="lengths differ"),
    ],
)
def test_refuses(labels: list[int], scores: list[float]) -> None:
    with pytest.raises(ValueError, match="must"):
        rank(np.array(labels), np.array(scores))


def test_a_resample_without_positives_is_nan() -> None:
    ranking = rank(np.array([1, 0]), np.array([0.2, 0.1]))
    assert np.isnan(resampled_average_precision(ranking, np.array([[0, 2]]))).all()
    assert np.isnan(resampled_roc_auc(ranking, np.array([[0, 2]]))).all()


def test_2000_resamples_of_the_test_part_take_seconds() -> None:
    rng = np.random.default_rng(1)
    labels = (rng.random(21_400) < 0.08).astype(np.int8)
    ranking = rank(labels, rng.random(labels.size))
    start = time.perf_counter()
    for weights in stratified_weights(labels, 2000, rng):
        resampled_average_precision(ranking, weights)
    assert time.perf_counter() - start < 20
