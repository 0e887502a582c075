"""Wasserstein distance of binned values: how far, on average, a value has moved, in reference standard deviations.

Each bin is at its middle; values below or above the reference's range are at its end, so for values out of
range the figure is a lower bound. Missing values have no place and don't count.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from fraud.statistics.binning import Bins


def normalised_wasserstein(bins: Bins, reference: NDArray[np.int64], current: NDArray[np.int64]) -> float:
    """Distance of two samples counted in the bins [k + 2] over the reference's standard deviation.

    0 when a side has no value, or the reference no spread and nothing moved; infinite when it has no spread and
    something moved.
    """
    before, now = reference[:-1], current[:-1]
    if before.sum() == 0 or now.sum() == 0:
        return 0.0
    places = bin_places(bins)
    distance = float(wasserstein_distance(places, places, before, now))
    mean = np.average(places, weights=before)
    spread = float(np.sqrt(np.average((places - mean) ** 2, weights=before)))
    if spread == 0:
        return 0.0 if distance == 0 else float("inf")
    return distance / spread


def bin_places(bins: Bins) -> NDArray[np.float64]:
    """The position of each bin but the missing one [k + 1]."""
    ends = bins.thresholds.astype(np.float64)
    return np.concatenate((ends[:1], (ends[:-1] + ends[1:]) / 2, ends[-1:]))
