"""PSI, Jensen-Shannon and Wasserstein: against their definitions, and on samples that were never binned."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy, wasserstein_distance

from fraud.statistics.binning import choose_bins
from fraud.statistics.psi import psi
from jenkins.drift.counts import VariableCounts
from jenkins.drift.statistics.distances import distances
from jenkins.drift.statistics.wasserstein import normalised_wasserstein


def compared(reference: np.ndarray, current: np.ndarray) -> VariableCounts:
    bins = choose_bins(reference)
    return VariableCounts("x", bins, bins.count(reference), bins.count(current))


@given(st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 2_000)), min_size=1, max_size=15))
@settings(deadline=None)
def test_psi_is_the_kullback_leibler_divergence_both_ways(pairs: list[tuple[int, int]]) -> None:
    reference, current = np.array(pairs, np.int64).T
    used = (reference + current) > 0
    p, q = reference[used] + 0.5, current[used] + 0.5
    # scipy's entropy makes shares of the counts by itself.
    expected = float(entropy(p, q) + entropy(q, p)) if used.any() else 0.0
    assert psi(reference, current) == pytest.approx(expected, abs=1e-12)


def test_psi_by_hand() -> None:
    # Large counts, so that half a count is nothing: 0.1 * ln(0.6 / 0.5) - 0.1 * ln(0.4 / 0.5).
    assert psi(np.array([500_000_000, 500_000_000]), np.array([600_000_000, 400_000_000])) == pytest.approx(
        0.1 * np.log(0.6 / 0.5) - 0.1 * np.log(0.4 / 0.5)
    )


def test_psi_does_not_explode_on_one_stray_value() -> None:
    reference, current = np.full(11, 10_000), np.full(11, 100)
    reference[10], current[10] = 0, 1
    assert 0 < psi(reference, current) < 0.02


def test_psi_ignores_bins_that_nobody_uses() -> None:
    reference, current = np.array([700, 300]), np.array([60, 40])
    assert psi(np.array([700, 0, 300, 0]), np.array([60, 0, 40, 0])) == psi(reference, current)


def test_psi_sees_what_lies_beyond_the_reference_and_what_is_missing() -> None:
    """The original dropped both: all values out of range gave 0."""
    rng = np.random.default_rng(1)
    reference = rng.normal(size=50_000)
    assert distances(compared(reference, rng.normal(size=1_000) + 100)).psi > 5
    assert distances(compared(reference, np.full(1_000, np.nan))).psi > 5


def test_jensen_shannon_is_scipys_and_lies_between_0_and_1() -> None:
    rng = np.random.default_rng(2)
    reference, current = rng.normal(size=20_000), rng.normal(0.3, 1, 2_000)
    counts = compared(reference, current)
    assert distances(counts).jensen_shannon == jensenshannon(counts.reference, counts.current, base=2)
    assert distances(compared(reference, reference)).jensen_shannon == pytest.approx(0, abs=1e-9)
    assert distances(compared(reference, np.full(100, np.nan))).jensen_shannon == pytest.approx(1)


@pytest.mark.parametrize("shift", [0.1, 0.5, 1.0])
def test_wasserstein_of_bins_is_near_that_of_the_values(shift: float) -> None:
    rng = np.random.default_rng(3)
    reference, current = rng.uniform(0, 10, 50_000), rng.uniform(0, 10 - shift, 20_000)
    exact = wasserstein_distance(reference, current) / reference.std()
    assert distances(compared(reference, current)).wasserstein == pytest.approx(exact, rel=0.15)


def test_wasserstein_knows_a_unit_of_the_reference() -> None:
    """Two points 10 apart, a fifth of the mass moves from one to the other: 2, over a standard deviation of 5."""
    counts = compared(np.repeat([0.0, 10.0], 500), np.repeat([0.0, 10.0], [30, 70]))
    assert counts.bins.labels[1] == "0"
    found = normalised_wasserstein(counts.bins, counts.reference, counts.current)
    assert found == pytest.approx(0.4, rel=1e-6)


def test_wasserstein_of_a_constant() -> None:
    assert distances(compared(np.full(10, 7.0), np.full(10, 7.0))).wasserstein == 0
    assert distances(compared(np.full(10, 7.0), np.full(10, np.nan))).wasserstein == 0
