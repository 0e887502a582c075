"""Average precision, plain and under resampling weights.

AP = sum over thresholds of (R_k - R_(k-1)) * P_k, the step-wise sum of scikit-learn's `average_precision_score`
(no interpolation: Davis & Goadrich 2006 show that a straight line between points of a precision-recall curve is too
optimistic). Rows of equal score pass a threshold together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fraud.statistics.design_weights import DesignWeights, as_drawn_once
from fraud.statistics.ranking import Counts, Ranking, count


def average_precision(ranking: Ranking, weights: DesignWeights = None) -> float:
    """Average precision of the rows as they are, or with weights [N] of those whom they stand for."""
    return float(resampled_average_precision(ranking, as_drawn_once(ranking.order.size, weights))[0])


def resampled_average_precision(
    ranking: Ranking, weights: NDArray[np.integer] | NDArray[np.float64]
) -> NDArray[np.float64]:
    """Average precision of each of B resamples, given as weights [B, N] -> [B].

    A resample without a positive row has no average precision: NaN.
    """
    return counted_average_precision(count(ranking, weights))


def counted_average_precision(counts: Counts) -> NDArray[np.float64]:
    """The same of counts that were made already -> [B].

    The growth of recall at a threshold is the weight of its positive rows, so the sum runs over positive rows only.
    """
    # A row of weight 0 can have nothing above it; its term is 0 whatever it is divided by. Others weigh 1 at least.
    precision = counts.positives_reached / np.maximum(counts.rows_reached, 1)
    positives = counts.weight.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray((counts.weight * precision).sum(axis=1) / positives, np.float64)
