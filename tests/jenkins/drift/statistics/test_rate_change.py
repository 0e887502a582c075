"""Tests of two periods: against SciPy's, and how often they err."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, fisher_exact

from jenkins.drift.statistics.rate_change import calibration_change_p, share_change_p


@pytest.mark.parametrize("counts", [(3, 50, 14, 60), (14, 50, 3, 60), (0, 20, 7, 20), (200, 5_000, 260, 5_000)])
def test_change_of_a_share_is_twice_the_smaller_tail_of_fishers_test(counts: tuple[int, int, int, int]) -> None:
    hits, trials, later_hits, later_trials = counts
    table = np.array([[later_hits, later_trials - later_hits], [hits, trials - hits]])
    tails = [fisher_exact(table, alternative=side).pvalue for side in ("less", "greater")]
    assert share_change_p(*counts) == pytest.approx(min(1.0, 2 * min(tails)))


def test_change_of_calibration_is_a_binomial_test() -> None:
    tails = [binomtest(40, 60, 35 / 65, alternative=side).pvalue for side in ("less", "greater")]
    assert calibration_change_p(20, 30.0, 40, 35.0) == pytest.approx(2 * min(tails))
    assert calibration_change_p(20, 30.0, 20, 30.0) == 1
    assert calibration_change_p(0, 0.0, 0, 0.0) == 1


def test_without_a_change_neither_is_called_one_more_often_than_the_level() -> None:
    rng = np.random.default_rng(2)
    shares = [share_change_p(rng.binomial(400, 0.07), 400, rng.binomial(500, 0.07), 500) for _ in range(500)]
    events = [calibration_change_p(rng.binomial(300, 0.2), 60.0, rng.binomial(500, 0.2), 100.0) for _ in range(500)]
    assert np.mean(np.array(shares) <= 0.05) <= 0.05
    assert np.mean(np.array(events) <= 0.05) <= 0.05
