"""Figures of rows that stand for others: a row of weight 3 is three rows, as by scikit-learn's sample_weight."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from bench.gate.quality.comparison import compare
from bench.gate.quality.simulation import true_average_precision
from fraud.statistics.average_precision import average_precision, resampled_average_precision
from fraud.statistics.bootstrap import percentile_interval, resample_weights
from fraud.statistics.design_weights import design_weights, effective_labels, effective_size, joined_weights
from fraud.statistics.group_fairness import Answers, Group, GroupFairness, group_fairness
from fraud.statistics.inverse_probability import weighted_average_precision
from fraud.statistics.permutation import chance_p_value
from fraud.statistics.psi import score_psi
from fraud.statistics.ranking import rank
from fraud.statistics.reliability import reliability
from fraud.statistics.review import review_border, reviewed_shares
from fraud.statistics.roc_auc import roc_auc
from tests.fraud.statistics.reviewed_labels import RATE, SEPARATION, two_years
from train.agreement import agreement, flipped_share, rank_correlation
from train.calibration import fit_scaling
from train.evaluate import evaluate

ROWS = 400
RNG = np.random.default_rng(1)
TIMES = RNG.integers(1, 5, ROWS)
LABELS = (RNG.random(ROWS) < 0.3).astype(np.int8)
SCORES = np.round(0.02 + 0.96 / (1 + np.exp(-RNG.normal(LABELS))), 2).astype(np.float32)
OTHERS = np.round(0.02 + 0.96 / (1 + np.exp(-RNG.normal(LABELS))), 2).astype(np.float32)
WEIGHTS = TIMES.astype(np.float64)
EACH = np.repeat(np.arange(ROWS), TIMES)
CAPACITY = 0.05


def test_weights_are_inverse_probabilities_and_none_where_everybody_was_looked_at() -> None:
    assert design_weights(np.ones(3)) is None
    assert design_weights(np.array([1, 0.01])).tolist() == [1, 100]  # type: ignore[union-attr]
    assert joined_weights(None, 2, None, 1) is None
    assert joined_weights(None, 2, np.array([5.0]), 1).tolist() == [1, 1, 5]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [([1, 1, 1], 3), ([7, 7], 2), ([100, 1, 1], 104_04 / 10_002), ([], 0)],
    ids=["ones", "equal", "one for all", "none"],
)
def test_effective_size_is_kishs(weights: list[float], expected: float) -> None:
    assert effective_size(np.array(weights, np.float64)) == pytest.approx(expected)


def test_effective_labels_count_each_label() -> None:
    labels = np.array([1, 0, 0, 1])
    assert effective_labels(labels, None) == (2, 2)
    assert effective_labels(labels, np.array([3.0, 5, 5, 1])) == pytest.approx((16 / 10, 2))


def test_figures_are_scikit_learns_with_sample_weight() -> None:
    weights = RNG.exponential(size=ROWS) + 1
    found = evaluate(LABELS, SCORES, 1, 40, weights=weights)
    assert found.average_precision.estimate == pytest.approx(
        average_precision_score(LABELS, SCORES, sample_weight=weights), rel=1e-12
    )
    assert found.roc_auc.estimate == pytest.approx(roc_auc_score(LABELS, SCORES, sample_weight=weights), rel=1e-12)
    assert found.brier_score == brier_score_loss(LABELS, SCORES, sample_weight=weights)
    assert found.log_loss == log_loss(LABELS, SCORES, sample_weight=weights)
    assert found.effective_rows == effective_size(weights)
    assert average_precision(rank(LABELS, SCORES), weights) == pytest.approx(
        weighted_average_precision(LABELS, SCORES, weights).estimate, rel=1e-12
    )


def test_a_row_of_weight_three_is_three_rows() -> None:
    found = evaluate(LABELS, SCORES, 1, 20, capacity=CAPACITY, weights=WEIGHTS)
    repeated = evaluate(LABELS[EACH], SCORES[EACH], 1, 20, capacity=CAPACITY)
    for name in ("positive_rate", "mean_probability", "brier_score", "log_loss"):
        assert getattr(found, name) == pytest.approx(getattr(repeated, name), rel=1e-6), name
    assert found.review.precision == pytest.approx(repeated.review.precision, rel=0.02)
    assert found.review.recall == pytest.approx(repeated.review.recall, rel=0.02)
    assert roc_auc(rank(LABELS, SCORES), WEIGHTS) == pytest.approx(roc_auc(rank(LABELS[EACH], SCORES[EACH])))

    capacity = 100 / EACH.size  # a whole number of the repeated rows
    shares = reviewed_shares(SCORES, capacity, WEIGHTS)
    assert shares[EACH] == pytest.approx(reviewed_shares(SCORES[EACH], capacity))
    assert (WEIGHTS * shares).sum() == pytest.approx(100)
    assert review_border(SCORES, capacity, WEIGHTS) == review_border(SCORES[EACH], capacity)
    assert flipped_share(SCORES, OTHERS, capacity, WEIGHTS) == pytest.approx(
        flipped_share(SCORES[EACH], OTHERS[EACH], capacity)
    )
    assert agreement(SCORES, OTHERS, capacity, WEIGHTS).rank_correlation == pytest.approx(
        agreement(SCORES[EACH], OTHERS[EACH], capacity).rank_correlation
    )
    margins = np.log(SCORES / (1 - SCORES))
    scaling, same = fit_scaling(margins, LABELS, WEIGHTS), fit_scaling(margins[EACH], LABELS[EACH])
    assert (scaling.slope, scaling.intercept) == pytest.approx((same.slope, same.intercept), rel=1e-5)


def test_group_figures_are_those_of_repeated_rows() -> None:
    half = RNG.random(ROWS) < 0.4
    shares = reviewed_shares(SCORES, 0.2, WEIGHTS)

    def figures(rows: np.ndarray, weights: np.ndarray | None) -> list[GroupFairness]:
        groups = [Group("half", "one", half[rows]), Group("half", "other", ~half[rows])]
        return list(group_fairness(groups, Answers(SCORES[rows], shares[rows], LABELS[rows], weights)))

    for found, repeated in zip(figures(np.arange(ROWS), WEIGHTS), figures(EACH, None), strict=True):
        assert found.mean_probability == pytest.approx(repeated.mean_probability)
        assert found.positive_rate is not None
        assert repeated.positive_rate is not None
        assert found.positive_rate.estimate == pytest.approx(repeated.positive_rate.estimate)
        assert found.positive_rate.low < repeated.positive_rate.low, "a row that was repeated tells nothing new"
        assert found.positive_rate.high > repeated.positive_rate.high
        for name in ("selection_rate", "false_positive_rate", "true_positive_rate", "precision", "calibration"):
            one, other = getattr(found, name), getattr(repeated, name)
            assert one.figure.estimate == pytest.approx(other.figure.estimate), name
            assert one.ratio.estimate == pytest.approx(other.ratio.estimate), name


def test_psi_of_weighted_rows_is_that_of_all_whom_they_stand_for() -> None:
    rng = np.random.default_rng(3)
    one = rng.beta(1, 8, 20_000).astype(np.float32)
    other = np.clip(one * 1.3 + rng.normal(0, 0.01, one.size), 0, 1).astype(np.float32)
    likely = np.where(one > np.quantile(one, 0.7), 1.0, 0.2)
    known = rng.random(one.size) < likely
    weights = 1 / likely[known]
    expected, found = score_psi(one, other), score_psi(one[known], other[known], weights)
    assert found == pytest.approx(expected, rel=0.1)
    assert found != pytest.approx(score_psi(one[known], other[known]), rel=0.1)
    assert found == pytest.approx(score_psi(one[known], other[known], 7 * weights)), "only how unequal they are counts"
    assert score_psi(one[known], one[known], weights) == 0


def test_weights_of_one_change_no_figure() -> None:
    ones = np.ones(ROWS)
    alone, weighted = (evaluate(LABELS, SCORES, 1, 10, weights=weights) for weights in (None, ones))
    for name in ("positive_rate", "mean_probability", "review"):
        assert getattr(weighted, name) == getattr(alone, name), name
    # Without weights scikit-learn computes these in float32.
    assert (weighted.brier_score, weighted.log_loss) == pytest.approx((alone.brier_score, alone.log_loss), rel=1e-6)
    assert weighted.average_precision.estimate == alone.average_precision.estimate
    assert weighted.roc_auc.estimate == alone.roc_auc.estimate
    assert (reviewed_shares(SCORES, CAPACITY, ones) == reviewed_shares(SCORES, CAPACITY)).all()
    assert review_border(SCORES, CAPACITY, ones) == review_border(SCORES, CAPACITY)
    assert flipped_share(SCORES, OTHERS, CAPACITY, ones) == flipped_share(SCORES, OTHERS, CAPACITY)
    assert rank_correlation(SCORES, OTHERS, ones) == pytest.approx(rank_correlation(SCORES, OTHERS))
    p_values = [
        chance_p_value(LABELS, OTHERS, np.random.default_rng(1), 50, weights=weights) for weights in (None, ones)
    ]
    assert p_values[0] == p_values[1]


def test_reliability_groups_stand_for_equally_many() -> None:
    weights = np.where(np.arange(ROWS) % 20 == 0, 50.0, 1.0)
    groups = reliability(LABELS, SCORES, weights=weights)
    assert sum(group.rows for group in groups) == ROWS
    predicted = [group.predicted for group in groups]
    assert predicted == sorted(predicted)
    assert groups[0].observed.high - groups[0].observed.low > 0.3, "a few heavy rows decide it"


def test_intervals_of_the_bootstrap_hold_the_truth() -> None:
    truth = true_average_precision(SEPARATION, RATE)
    within = []
    for seed in range(30):
        known = two_years(np.random.default_rng(seed), 60_000)
        weights = design_weights(known.looked_at)
        ranking = rank(known.labels, known.scores)
        drawn = resample_weights(known.labels, weights, 64, np.random.default_rng(seed))
        resampled = np.concatenate([resampled_average_precision(ranking, block) for block in drawn])
        found = percentile_interval(average_precision(ranking, weights), resampled)
        within.append(found.low <= truth <= found.high)
    assert np.mean(within) >= 0.8


def test_equal_models_differ_by_nothing() -> None:
    found = compare(
        LABELS,
        SCORES,
        SCORES,
        review_capacity=CAPACITY,
        rng=np.random.default_rng(1),
        resamples=20,
        weights=WEIGHTS,
    )
    for figure in (found.average_precision, found.review_precision, found.review_recall, found.brier_score):
        assert not figure.differences.any()


def test_chance_is_not_better_than_chance_whatever_rows_stand_for() -> None:
    rng = np.random.default_rng(3)
    p_values = []
    for _ in range(60):
        heavy = rng.random(300) < 0.3
        labels = (rng.random(300) < np.where(heavy, 0.1, 0.4)).astype(np.int8)
        weights = np.where(heavy, 20.0, 1.0)
        p_values.append(chance_p_value(labels, rng.normal(size=300), rng, 49, weights=weights))
    assert np.mean(np.array(p_values) <= 0.1) <= 0.2
