"""The likelihood-ratio test: scipy's statistic, empty cells, which bins are common, and the level that it promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from jenkins.drift.statistics.g_test import common_bins, g_test

counts = st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 300)), min_size=2, max_size=20).map(
    lambda pairs: np.array(pairs, np.int64).T
)


@given(counts)
@settings(max_examples=300, deadline=None)
def test_equals_scipy(table: np.ndarray) -> None:
    table = table[:, table.sum(axis=0) > 0]
    found = g_test(*table)
    if table.shape[1] < 2 or table.sum(axis=1).min() == 0:
        assert (found.degrees_of_freedom, found.p_value) == (0, 1.0)
        return
    expected = chi2_contingency(table, correction=False, lambda_="log-likelihood")
    assert found.g == pytest.approx(expected.statistic, rel=1e-9, abs=1e-9)
    assert found.degrees_of_freedom == expected.dof
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-7, abs=1e-300)


def test_a_bin_that_one_side_leaves_empty_counts() -> None:
    reference, now = np.array([5_000, 5_000, 0]), np.array([480, 480, 40])
    assert g_test(reference, now).p_value < 1e-20
    # The limit of ln(0) * 0 is 0, so the statistic is what scipy gives for any tiny count in its place.
    expected = chi2_contingency([[5_000, 5_000, 1e-9], now], correction=False, lambda_="log-likelihood").statistic
    assert g_test(reference, now).g == pytest.approx(expected, rel=1e-6)


def test_a_bin_is_common_when_the_smaller_sample_should_hold_five() -> None:
    reference, now = np.array([99_000, 550, 440, 0]), np.array([990, 0, 0, 10])
    assert (now.sum(), reference.sum()) == (1_000, 99_990)
    # Expected: 990.0, 5.4, 4.4 and 0.1 of 1,000.
    assert common_bins(reference, now).tolist() == [True, True, False, False]
    assert common_bins(now, reference).tolist() == [True, True, False, False]


@pytest.mark.parametrize("rows", [1_000, 10_000])
def test_without_a_change_it_keeps_its_level(rows: int) -> None:
    rng = np.random.default_rng(7)
    # Deciles, and a few levels at the end that are as rare as a common bin may be.
    shares = np.array([*[0.1] * 9, 0.05, 0.03, 0.013, 0.007])
    trials = 4_000
    reference, now = (rng.multinomial(size, shares, trials) for size in (100_000, rows))
    p_values = np.array([g_test(*pair).p_value for pair in zip(reference, now, strict=True)])
    for level in (0.1, 0.01):
        # Four standard errors; and no more than a quarter above the level by the approximation itself.
        allowed = 4 * np.sqrt(level / trials)
        assert level - allowed < (p_values <= level).mean() < 1.25 * level + allowed


def test_an_empty_sample_tells_nothing() -> None:
    assert g_test(np.array([10, 10]), np.array([0, 0])).p_value == 1.0
