"""Groups of predicted probability, and the interval of a share against published figures."""

from __future__ import annotations

import numpy as np
import pytest

from fraud.statistics.reliability import reliability, share_interval


def test_the_interval_of_a_share_against_published_figures() -> None:
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3: 81 of 263.
    found = share_interval(81, 263)
    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    # And 0 of 20, where the simple interval has no width.
    none = share_interval(0, 20)
    assert (none.estimate, none.low) == (0, 0)
    assert none.high == pytest.approx(0.1611, abs=5e-5)


@pytest.mark.parametrize("trials", [1, 20, 97, 2_220])
def test_the_interval_of_a_share_stays_between_0_and_1(trials: int) -> None:
    assert share_interval(0, trials).low == 0
    assert share_interval(trials, trials).high == 1


def test_true_probabilities_lie_on_the_diagonal() -> None:
    rng = np.random.default_rng(5)
    truth = rng.beta(2, 8, 50_000)
    groups = reliability((rng.random(truth.size) < truth).astype(np.int8), truth)
    assert [group.rows for group in groups] == [5_000] * 10
    assert [group.predicted for group in groups] == sorted(group.predicted for group in groups)
    assert sum(group.observed.low <= group.predicted <= group.observed.high for group in groups) >= 8


def test_probabilities_that_are_twice_the_truth_show() -> None:
    rng = np.random.default_rng(5)
    truth = rng.beta(2, 8, 50_000) / 2
    groups = reliability((rng.random(truth.size) < truth).astype(np.int8), 2 * truth)
    assert all(group.predicted > group.observed.high for group in groups)


def test_fewer_rows_than_groups() -> None:
    groups = reliability(np.array([0, 1, 0]), np.array([0.3, 0.2, 0.1]))
    assert [(group.rows, group.observed.estimate) for group in groups] == [(1, 0), (1, 1), (1, 0)]
