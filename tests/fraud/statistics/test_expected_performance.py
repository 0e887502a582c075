"""Expected performance without labels: scikit-learn's figures on expected counts, and what labels then show."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from fraud.statistics.expected_performance import expected_performance

probabilities = st.lists(
    st.tuples(st.sampled_from([0.01, 0.1, 0.25, 0.5, 0.9]), st.integers(1, 4)), min_size=2, max_size=30
)


@given(probabilities)
@settings(max_examples=200, deadline=None)
def test_equals_scikit_learn_with_each_row_as_a_share_of_both_labels(rows: list[tuple[float, int]]) -> None:
    p, weight = (np.array(column, float) for column in zip(*rows, strict=True))
    labels, scores = np.repeat([1, 0], p.size), np.tile(p, 2)
    shares = np.concatenate([weight * p, weight * (1 - p)])
    found = expected_performance(p, weight)
    assert found.average_precision == pytest.approx(average_precision_score(labels, scores, sample_weight=shares))
    assert found.roc_auc == pytest.approx(roc_auc_score(labels, scores, sample_weight=shares))
    assert found.brier_score == pytest.approx(brier_score_loss(labels, scores, sample_weight=shares))
    assert found.positive_rate == pytest.approx(shares[: p.size].sum() / weight.sum())


def realised(p: np.ndarray, truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Average precision, ROC AUC and Brier score of labels drawn by the true probabilities, mean of 30 draws."""
    figures = []
    for _ in range(30):
        labels = rng.random(p.size) < truth
        figures.append((average_precision_score(labels, p), roc_auc_score(labels, p), brier_score_loss(labels, p)))
    return np.asarray(np.mean(figures, axis=0))


def test_is_what_labels_show_when_the_probabilities_are_right() -> None:
    rng = np.random.default_rng(5)
    p = rng.beta(1, 9, 20_000)
    found = expected_performance(p)
    shown = realised(p, p, rng)
    assert [found.average_precision, found.roc_auc, found.brier_score] == pytest.approx(shown.tolist(), rel=0.02)


def test_follows_a_change_of_the_applicants() -> None:
    """Fewer risky applicants: the same model ranks a harder mix, and the estimate says so without a label."""
    rng = np.random.default_rng(6)
    before, now = rng.beta(1, 9, 20_000), rng.beta(3, 57, 20_000)
    shown = realised(now, now, rng)[0]
    assert expected_performance(now).average_precision == pytest.approx(shown, rel=0.03)
    assert expected_performance(now).average_precision < 0.6 * expected_performance(before).average_precision


def test_does_not_see_applicants_who_behave_otherwise() -> None:
    """Its limit: the same probabilities, while all of them have become 0.1: nothing changes but the labels."""
    rng = np.random.default_rng(7)
    p = rng.beta(1, 9, 20_000)
    shown = realised(p, np.full(p.size, 0.1), rng)[1]
    assert shown == pytest.approx(0.5, abs=0.02)
    assert expected_performance(p).roc_auc > 0.7


def test_certain_rows_have_no_ranking() -> None:
    assert np.isnan(expected_performance([0.0, 0.0]).average_precision)
    assert np.isnan(expected_performance([1.0, 1.0]).roc_auc)


@pytest.mark.parametrize("wrong", [[], [0.2, 1.1], [0.2, float("nan")], [-0.1]])
def test_refuses_what_are_no_probabilities(wrong: list[float]) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        expected_performance(wrong)
