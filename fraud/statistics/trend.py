"""Whether a series rises: Theil-Sen's slope with its interval."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import theilslopes

from fraud.statistics.interval import Interval

BLOCKS: Final = 30
"""Neighbouring values are correlated, which the interval ignores; the means of this number of blocks hardly are."""


def slope(times: NDArray[np.float64], values: NDArray[np.float64], confidence: float = 0.95) -> Interval:
    """The median of the slopes between all pairs of block means (Theil 1950, Sen 1968), values per unit of time.

    A few outliers, such as a collection of garbage, don't move it.

    Raises:
        ValueError: fewer than three values.
    """
    if len(values) < 3:
        raise ValueError(f"{len(values)} values have no trend: expected three or more")
    blocks = min(BLOCKS, len(values))
    means = [
        (float(part_times.mean()), float(part_values.mean()))
        for part_times, part_values in zip(np.array_split(times, blocks), np.array_split(values, blocks), strict=True)
    ]
    xs, ys = zip(*means, strict=True)
    estimate, _, low, high = theilslopes(ys, xs, confidence)
    return Interval(float(estimate), float(low), float(high))
