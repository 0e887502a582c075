"""Population stability index: sum over bins of (q - p) * ln(q / p), for shares p of the reference and q of now.

It is the symmetric Kullback-Leibler divergence. Without a change its expectation is about (bins - 1) * (1/N + 1/n) and
not 0 (Yurdakul 2018), which is why a threshold on it alone can't be right for every number of rows.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.statistics.design_weights import DesignWeights, effective_size

GROUPS: Final = 10
"""Of equal size, into which scores are put."""

HALF_A_COUNT: Final = 0.5
"""Added to each bin of either side (Jeffreys): a bin that is empty on one side has a finite term."""


def psi(reference: NDArray[np.number], current: NDArray[np.number]) -> float:
    """PSI of two samples counted in the same bins; bins that both leave empty are no bins."""
    used = (reference > 0) | (current > 0)
    if not used.any():
        return 0.0
    before, now = (_shares(counts[used]) for counts in (reference, current))
    return float(((now - before) * np.log(now / before)).sum())


def score_psi(reference: NDArray[np.float32], current: NDArray[np.float32], weights: DesignWeights = None) -> float:
    """PSI of the scores [N] and [M] of two models, or of one at two times, in tenths of the reference's.

    With weights [N] both score the same rows, and counts are of as many rows of equal weight as tell equally much.
    """
    tenths = np.arange(1, GROUPS) / GROUPS
    if weights is None:
        borders = np.unique(np.quantile(reference, tenths))
    else:
        borders = np.unique(np.quantile(reference, tenths, weights=weights, method="inverted_cdf"))
        weights = weights * effective_size(weights) / weights.sum()
    counts = [
        np.bincount(np.searchsorted(borders, scores, side="right"), weights, minlength=borders.size + 1)
        for scores in (reference, current)
    ]
    return psi(counts[0], counts[1])


def _shares(counts: NDArray[np.number]) -> NDArray[np.float64]:
    smoothed = counts + HALF_A_COUNT
    return np.asarray(smoothed / smoothed.sum())
