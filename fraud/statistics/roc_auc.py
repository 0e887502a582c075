"""Area under the ROC curve, plain and under resampling weights.

The share of (positive, negative) pairs in the right order, a tied pair counting one half (Hanley & McNeil 1982).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fraud.statistics.design_weights import DesignWeights, as_drawn_once
from fraud.statistics.ranking import Ranking, count


def roc_auc(ranking: Ranking, weights: DesignWeights = None) -> float:
    """Area under the ROC curve of the rows as they are, or with weights [N] of those whom they stand for."""
    return float(resampled_roc_auc(ranking, as_drawn_once(ranking.order.size, weights))[0])


def resampled_roc_auc(ranking: Ranking, weights: NDArray[np.integer] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Area under the ROC curve of each of B resamples, given as weights [B, N] -> [B].

    A resample of one class has no such area: NaN.
    """
    counts = count(ranking, weights)
    above = counts.rows_above - counts.positives_above
    reached = counts.rows_reached - counts.positives_reached
    positives = counts.weight.sum(axis=1)
    negatives = counts.rows[:, 0] - positives
    misordered = (counts.weight * (above + reached)).sum(axis=1) / 2
    with np.errstate(invalid="ignore"):
        return np.asarray(1 - misordered / (positives * negatives), np.float64)
