"""The likelihood-ratio (G) test: were two samples drawn from the same distribution over bins?

G = 2 * sum over both samples and all bins of count * ln(count / expected count), where a count of 0 adds 0; without a
change it is distributed as chi-square with one degree of freedom less than there are bins (Agresti 2013, "Categorical
Data Analysis", section 3.2). Both samples are finite, and both count as such.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, xlogy

LEAST_EXPECTED: Final = 5.0
"""Cochran's rule: with bins that are expected to hold less, the statistic is no chi-square."""


@dataclass(frozen=True, slots=True)
class GTest:
    """Outcome of the test."""

    g: float
    degrees_of_freedom: int
    """0 if fewer than two bins are left: then the test is inconclusive, and the p-value is 1."""
    p_value: float


def g_test(reference: NDArray[np.int64], current: NDArray[np.int64]) -> GTest:
    """Compare two samples counted in the same K bins, none of which both leave empty."""
    table = np.stack([reference, current])
    rows = table.sum(axis=1, keepdims=True)
    if reference.size < 2 or rows.min() == 0:
        return GTest(0.0, 0, 1.0)
    expected = rows * table.sum(axis=0) / rows.sum()
    g = max(0.0, 2 * float(xlogy(table, table / expected).sum()))
    freedom = reference.size - 1
    return GTest(g, freedom, float(chdtrc(freedom, g)))


def common_bins(reference: NDArray[np.int64], current: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Bins that are expected to hold `LEAST_EXPECTED` rows of the smaller sample [K].

    The rule looks at both samples together and never at their difference, so it can't favour a result.
    """
    rows = reference.sum(), current.sum()
    return np.asarray((reference + current) * (min(rows) / sum(rows)) >= LEAST_EXPECTED)
