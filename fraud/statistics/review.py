"""What officers find when they review a fixed number of rows with the highest scores."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.statistics.design_weights import DesignWeights
from fraud.statistics.ranking import Counts, Numbers

REVIEW_CAPACITY: Final = 0.05
"""Share of applications that officers can review, unless somebody says another."""


def reviewed_rows(rows: int, capacity: float) -> int:
    """How many of `rows` rows are reviewed; at least one."""
    return max(1, int(capacity * rows))


def reviewed_of(counts: Counts, capacity: float) -> Numbers:
    """How many rows are reviewed under each of B sets of weights [B, 1]; whole ones where weights are."""
    if np.issubdtype(counts.rows.dtype, np.integer):
        return np.maximum(1, (capacity * counts.rows).astype(np.int64))
    return np.asarray(capacity * counts.rows, np.float64)


def hits(counts: Counts, reviewed: int | Numbers) -> NDArray[np.float64]:
    """Positive rows among the `reviewed` rows of highest score, for B sets of weights -> [B].

    `reviewed` may be an array [B, 1] with a number for each resample.

    Rows tied at the border are reviewed in part, at random: their expected share of positives counts. A group of
    equal score lies inside the review, outside it, or across its border; the share of it that is reviewed follows
    from the rows above it and the rows up to its end, so a sum over positive rows is enough.
    """
    group = counts.rows_reached - counts.rows_above
    # A row of weight 0 can have a group of no drawn row; its term is 0 whatever it is divided by.
    share = np.clip((reviewed - counts.rows_above) / np.maximum(group, 1), 0, 1)
    return np.asarray((counts.weight * share).sum(axis=1), np.float64)


def review_border(scores: NDArray[np.floating], capacity: float, weights: DesignWeights = None) -> np.floating:
    """The lowest of the scores [N] that are reviewed, if only in part.

    With weights the capacity is a share of all whom the rows stand for.
    """
    if weights is not None:
        lowest: np.floating = scores[_weighted_shares(scores, capacity, weights) > 0].min()
        return lowest
    reviewed = reviewed_rows(scores.size, capacity)
    border: np.floating = np.partition(scores, -reviewed)[-reviewed]
    return border


def reviewed_shares(
    scores: NDArray[np.floating], capacity: float, weights: DesignWeights = None
) -> NDArray[np.float64]:
    """How surely each of N rows is reviewed: 1 above the border, 0 below it, and the rows tied at it in part [N].

    With weights the capacity is a share of all whom the rows stand for.
    """
    if weights is not None:
        return _weighted_shares(scores, capacity, weights)
    reviewed, border = reviewed_rows(scores.size, capacity), review_border(scores, capacity)
    above, tied = scores > border, scores == border
    return np.where(above, 1.0, np.where(tied, (reviewed - above.sum()) / tied.sum(), 0.0))


def _weighted_shares(
    scores: NDArray[np.floating], capacity: float, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    _, group = np.unique(-scores, return_inverse=True)
    held = np.bincount(group, weights=weights)
    above = np.cumsum(held) - held
    shares: NDArray[np.float64] = np.clip((capacity * weights.sum() - above) / held, 0, 1)[group]
    return shares
