"""Reliability: the observed rate in groups of rows by their predicted probability."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.statistics.design_weights import DesignWeights, effective_size, weighted_mean
from fraud.statistics.interval import Interval

GROUPS: Final = 10
Z_95: Final = 1.959964
"""97.5% quantile of the normal distribution."""


@dataclass(frozen=True, slots=True)
class ReliabilityGroup:
    """Rows of similar predicted probability."""

    rows: int
    predicted: float
    """Mean of the predicted probabilities."""
    observed: Interval
    """Share of positive rows, with its 95% interval."""


def reliability(
    labels: NDArray[np.integer],
    probabilities: NDArray[np.floating],
    groups: int = GROUPS,
    *,
    weights: DesignWeights = None,
) -> tuple[ReliabilityGroup, ...]:
    """Groups of equal size, lowest probability first, of N labelled rows; a group a row where rows are fewer.

    With weights, groups represent equal numbers, and there are fewer if a row represents more than a group should.
    """
    order = np.argsort(probabilities, kind="stable")
    if weights is not None:
        middles = np.cumsum(weights[order]) - weights[order] / 2
        borders = np.searchsorted(middles, weights.sum() * np.arange(1, groups) / groups)
        parts = np.split(order, borders)
        return tuple(_weighted_group(labels[part], probabilities[part], weights[part]) for part in parts if part.size)
    return tuple(
        ReliabilityGroup(
            rows=rows.size,
            predicted=float(probabilities[rows].mean(dtype=np.float64)),
            observed=share_interval(int(labels[rows].sum()), rows.size),
        )
        for rows in np.array_split(order, min(groups, labels.size))
    )


def _weighted_group(
    labels: NDArray[np.integer], probabilities: NDArray[np.floating], weights: NDArray[np.float64]
) -> ReliabilityGroup:
    rows, observed = effective_size(weights), weighted_mean(labels, weights)
    return ReliabilityGroup(labels.size, weighted_mean(probabilities, weights), share_interval(observed * rows, rows))


def share_interval(hits: float, trials: float) -> Interval:
    """A share and its 95% score interval (Wilson 1927), which holds for small shares too."""
    share = hits / trials
    centre = share + Z_95 * Z_95 / (2 * trials)
    spread = Z_95 * math.sqrt(share * (1 - share) / trials + Z_95 * Z_95 / (4 * trials * trials))
    scale = 1 + Z_95 * Z_95 / trials
    # Rounding must not push the interval past the share itself, or out of what a share can be.
    low, high = max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)
    return Interval(share, min(share, low), max(share, high))
