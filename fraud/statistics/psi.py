"""Population stability index: sum over bins of (q - p) * ln(q / p), for shares p of the reference and q of now.

It is the symmetric Kullback-Leibler divergence. Without a change its expectation is about (bins - 1) * (1/N + 1/n) and
not 0 (Yurdakul 2018), which is why a threshold on it alone can't be right for every number of rows.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

GROUPS: Final = 10
"""Of equal size, into which scores are put."""

HALF_A_COUNT: Final = 0.5
"""Added to each bin of either side (Jeffreys): a bin that one side leaves empty gives a finite term."""


def psi(reference: NDArray[np.int64], current: NDArray[np.int64]) -> float:
    """PSI of two samples counted in the same bins; bins that both leave empty are no bins."""
    used = (reference > 0) | (current > 0)
    if not used.any():
        return 0.0
    before, now = (_shares(counts[used]) for counts in (reference, current))
    return float(((now - before) * np.log(now / before)).sum())


def score_psi(reference: NDArray[np.float32], current: NDArray[np.float32]) -> float:
    """PSI of the scores [N] and [M] of two models, or of one at two times, in tenths of the reference's."""
    borders = np.unique(np.quantile(reference, np.arange(1, GROUPS) / GROUPS))
    counts = [
        np.bincount(np.searchsorted(borders, scores, side="right"), minlength=borders.size + 1)
        for scores in (reference, current)
    ]
    return psi(counts[0], counts[1])


def _shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    smoothed = counts + HALF_A_COUNT
    return np.asarray(smoothed / smoothed.sum())
