"""The ratio of two shares: published intervals, no counts at all, and how often the truth is covered."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fraud.statistics.risk_ratio import ratio_interval


@pytest.mark.parametrize(
    ("counts", "estimate", "low", "high"),
    [
        # Koopman 1984, "Confidence intervals for the ratio of two binomial proportions", his first example.
        pytest.param((36, 40, 16, 80), 4.5, 2.94, 7.15, id="published"),
        pytest.param((0, 20, 5, 30), 0.0, 0.0, 1.035, id="none here"),
        pytest.param((5, 30, 0, 20), math.inf, 1 / 1.035, math.inf, id="none elsewhere"),
        pytest.param((30, 30, 30, 30), 1.0, 1 / 1.128, 1.128, id="all of both"),
    ],
)
def test_interval_of_a_ratio(counts: tuple[float, ...], estimate: float, low: float, high: float) -> None:
    found = ratio_interval(*counts)
    assert found is not None
    assert found.estimate == pytest.approx(estimate)
    assert (found.low, found.high) == pytest.approx((low, high), rel=2e-3)


@pytest.mark.parametrize("counts", [(0, 10, 0, 10), (0, 0, 3, 10), (3, 10, 0, 0)])
def test_no_ratio_where_there_is_nothing_to_divide(counts: tuple[float, ...]) -> None:
    assert ratio_interval(*counts) is None


@pytest.mark.parametrize(("rows", "share", "ratio"), [(40, 0.1, 1.0), (200, 0.05, 3.0), (2_000, 0.01, 1.5)])
def test_the_truth_is_covered_in_95_percent(rows: int, share: float, ratio: float) -> None:
    rng = np.random.default_rng(3)
    drawn = zip(rng.binomial(rows, share * ratio, 600), rng.binomial(10 * rows, share, 600), strict=True)
    found = [ratio_interval(own, rows, other, 10 * rows) for own, other in drawn]
    covered = np.mean([one is not None and one.low <= ratio <= one.high for one in found])
    assert 0.925 <= covered <= 0.985
