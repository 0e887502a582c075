"""Figures by group: against counts made by hand, small groups, and a planted crossing that no single group shows."""

from __future__ import annotations

import numpy as np
import pytest

from fraud.statistics.group_fairness import (
    Answers,
    Group,
    crossings,
    group_fairness,
    worst_ratio,
)
from fraud.statistics.review import REVIEW_CAPACITY, reviewed_shares

EVEN, ODD = "even", "odd"


def by_hand() -> tuple[list[Group], Answers]:
    """Ten applicants; the even ones are 4 negatives, 2 of them reviewed, and 1 positive that is reviewed."""
    even = np.arange(10) % 2 == 0
    labels = np.array([0, 1, 0, 0, 0, 1, 0, 0, 1, 0])
    probabilities = np.array([0.9, 0.8, 0.7, 0.1, 0.2, 0.1, 0.1, 0.1, 0.6, 0.1])
    groups = [Group("number", EVEN, even), Group("number", ODD, ~even)]
    return groups, Answers(probabilities, reviewed_shares(probabilities, 0.4), labels)


def test_figures_are_those_counted_by_hand() -> None:
    even, odd = group_fairness(*by_hand())
    assert (even.rows, even.positives, odd.positives) == (5, 1, 2)
    assert even.selection_rate is not None
    assert even.false_positive_rate is not None
    assert even.true_positive_rate is not None
    assert even.precision is not None
    assert even.calibration is not None
    assert even.selection_rate.figure.estimate == pytest.approx(3 / 5)
    assert even.false_positive_rate.figure.estimate == pytest.approx(2 / 4)
    assert even.true_positive_rate.figure.estimate == 1
    assert even.precision.figure.estimate == pytest.approx(1 / 3)
    assert even.calibration.figure.estimate == pytest.approx((1 / 5) / 0.5)
    assert even.selection_rate.ratio is not None
    assert even.selection_rate.ratio.estimate == pytest.approx(3)
    assert even.calibration.ratio is not None
    assert even.calibration.ratio.estimate == pytest.approx((1 / 5 / 0.5) / (2 / 5 / 0.24))
    assert odd.false_positive_rate is not None
    assert odd.false_positive_rate.figure.estimate == 0


def test_small_groups_say_so_and_empty_ones_are_left_out() -> None:
    groups, answers = by_hand()
    groups.append(Group("number", "none", np.zeros(10, np.bool_)))
    assert [(found.name, found.is_small) for found in group_fairness(groups, answers)] == [(EVEN, True), (ODD, True)]


def test_without_labels_only_the_share_reviewed_is_told() -> None:
    groups, answers = by_hand()
    even, _ = group_fairness(groups, Answers(answers.probabilities, answers.reviewed))
    assert even.selection_rate is not None
    assert (even.positives, even.false_positive_rate, even.calibration) == (None, None, None)


def test_rows_tied_at_the_border_are_reviewed_in_part() -> None:
    shares = reviewed_shares(np.array([0.9, 0.5, 0.5, 0.5, 0.1]), 0.4)
    assert shares.tolist() == pytest.approx([1, 1 / 3, 1 / 3, 1 / 3, 0])


def test_a_planted_crossing_that_no_single_group_shows_is_found() -> None:
    rng = np.random.default_rng(4)
    young, man = rng.random(20_000) < 0.5, rng.random(20_000) < 0.5
    labels = (rng.random(20_000) < 0.15).astype(np.int8)
    # Young men and old women are suspected more, so neither age nor sex alone tells.
    probabilities = rng.normal(size=20_000) + 0.8 * labels + 0.6 * (young == man)
    groups = [Group("age", "young", young), Group("age", "old", ~young), Group("sex", "man", man)]
    groups.append(Group("sex", "woman", ~man))
    answers = Answers(probabilities, reviewed_shares(probabilities, REVIEW_CAPACITY), labels)

    single = [(found.name, found.false_positive_rate) for found in group_fairness(groups, answers)]
    crossed = [(found.name, found.false_positive_rate) for found in group_fairness(crossings(groups, labels), answers)]
    assert {name for name, _ in crossed} == {"young, man", "young, woman", "old, man", "old, woman"}
    assert all(figure is not None and figure.ratio and figure.ratio.low < 1.1 for _, figure in single)
    worst = worst_ratio(crossed)
    assert worst is not None
    assert worst[0] in {"young, man", "old, woman"}
    assert worst[1].low > 1.3


def test_crossings_leave_out_what_is_small_or_nothing_new() -> None:
    labels = np.resize([0, 1], 400)
    first = np.arange(400) < 200
    groups = [
        Group("a", "half", first),
        Group("b", "the same half", first),
        Group("c", "few", np.arange(400) < 40),
        Group("d", "middle", (np.arange(400) >= 100) & (np.arange(400) < 300)),
    ]
    assert [group.name for group in crossings(groups, labels)] == ["half, middle", "the same half, middle"]
