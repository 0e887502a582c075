"""A rise is found, noise is none."""

from __future__ import annotations

import numpy as np
import pytest

from fraud.statistics.trend import slope

SECONDS = np.arange(600.0)


def test_a_straight_line_has_its_slope() -> None:
    found = slope(SECONDS, 5 + 0.25 * SECONDS)
    assert (found.low, found.estimate, found.high) == pytest.approx((0.25, 0.25, 0.25))


def test_an_outlier_moves_nothing() -> None:
    values = 5 + 0.25 * SECONDS
    values[10] = 1e6
    assert slope(SECONDS, values).estimate == pytest.approx(0.25, rel=0.05)


def test_noise_around_a_level_holds_zero_in_about_the_share_that_is_claimed() -> None:
    generator = np.random.default_rng(3)
    found = [slope(SECONDS, generator.normal(0, 1, len(SECONDS))) for _ in range(200)]
    assert np.mean([interval.low <= 0 <= interval.high for interval in found]) == pytest.approx(0.95, abs=0.05)


def test_two_values_have_no_trend() -> None:
    with pytest.raises(ValueError, match="three"):
        slope(SECONDS[:2], SECONDS[:2])
