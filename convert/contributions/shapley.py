"""The contributions of one leaf, for each set of its conditions that a row may meet.

To a set S of known features a leaf is worth its value times, for each feature of its path, 1 or 0 (the row meets the
condition or not) where the feature is in S, else the share of the training rows that met it. The Shapley value of
feature f in such a product is, by its multilinear extension (Owen 1972, "Multilinear extensions of games"),

    value * (met_f - share_f) * integral from 0 to 1 over t of the product over the others g of
        met_g * t + share_g * (1 - t)

A polynomial of degree m - 1 for m features: Gauss-Legendre quadrature with m / 2 points is exact, and as all terms are
positive, nothing cancels (Wettenstein et al. 2026, Quadrature-TreeSHAP).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def pattern_effects(value: float, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Contribution of each of m features for each pattern of met conditions, [2^m, m].

    Bit j of a pattern's number says whether condition j is met.
    """
    count = len(shares)
    met = (np.arange(1 << count)[:, np.newaxis] >> np.arange(count) & 1).astype(np.float64)
    points, weights = np.polynomial.legendre.leggauss(max(1, (count + 1) // 2))
    known = (points + 1) / 2
    factors = met[:, :, np.newaxis] * known + shares[:, np.newaxis] * (1 - known)
    effects = np.empty((1 << count, count))
    for feature in range(count):
        others = np.delete(factors, feature, axis=1).prod(axis=1)
        effects[:, feature] = value * (met[:, feature] - shares[feature]) * (others @ weights / 2)
    return effects
