"""Design weights: rows of which not all were as likely to be looked at, each standing for 1 / probability like it.

Every figure of such rows is that of all whom they stand for (Horvitz & Thompson 1952; as a ratio, Hajek 1971). Where
each row represents only itself there are no weights, and figures are counts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DesignWeights = NDArray[np.float64] | None
"""How many rows each of N represents, itself included, so at least 1; None: only itself."""


def design_weights(probabilities: NDArray[np.floating]) -> DesignWeights:
    """Of rows that were looked at with these probabilities [N]."""
    if (probabilities == 1).all():
        return None
    return 1 / probabilities.astype(np.float64)


def weights_of(weights: DesignWeights, rows: slice | NDArray[np.generic]) -> DesignWeights:
    """Those of some of the rows."""
    return None if weights is None else weights[rows]


def joined_weights(one: DesignWeights, rows: int, other: DesignWeights, other_rows: int) -> DesignWeights:
    """Of some rows and others behind them."""
    if one is None and other is None:
        return None
    return np.concatenate((np.ones(rows) if one is None else one, np.ones(other_rows) if other is None else other))


def as_drawn_once(rows: int, weights: DesignWeights) -> NDArray[np.int32] | NDArray[np.float64]:
    """The rows as they are, in the form of one resample [1, N]."""
    return np.ones((1, rows), np.int32) if weights is None else weights[np.newaxis]


def effective_size(weights: NDArray[np.float64]) -> float:
    """How many rows of equal weight would tell as much (Kish 1965); 0 of none."""
    total = float(weights.sum())
    return total * total / float((weights * weights).sum()) if total else 0.0


def effective_labels(labels: NDArray[np.integer], weights: DesignWeights) -> tuple[float, float]:
    """How many positive and how many negative rows of equal weight would tell as much as these N."""
    if weights is None:
        positives = int(labels.sum())
        return float(positives), float(labels.size - positives)
    return effective_size(weights[labels == 1]), effective_size(weights[labels == 0])


def weighted_mean(values: NDArray[np.generic], weights: DesignWeights) -> float:
    """Mean of N values over all whom the rows stand for, in float64."""
    if weights is None:
        return float(values.mean(dtype=np.float64))
    return float(np.average(values.astype(np.float64), weights=weights))
