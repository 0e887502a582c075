"""Average precision if labels are known only for reviewed applications (Horvitz & Thompson 1952).

Reviews take the applicants whom the model suspects, so labelled applications are not a random sample: figures on them
describe how the model orders the suspected. Each labelled row represents 1 / p applicants, where p is the probability
with which it was reviewed; the control sample's rows represent all whom the model does not suspect.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fraud.statistics.interval import Interval
from fraud.statistics.reliability import Z_95


@dataclass(frozen=True, slots=True, eq=False)
class WeightedAveragePrecision:
    """Of N labelled rows with weights."""

    estimate: float
    influence: NDArray[np.float64]
    """What each row [N] adds to it, to first order: its weight times the derivative by that. They add up to 0."""


def weighted_average_precision(
    labels: NDArray[np.integer], scores: NDArray[np.floating], weights: NDArray[np.floating]
) -> WeightedAveragePrecision:
    """Average precision of N rows, of which at least one is positive, each counting as its weight says.

    Rows of equal score pass a threshold together, as in `fraud.statistics.average_precision`.
    """
    order = np.argsort(-scores, kind="stable")
    falling, weight = scores[order], weights[order].astype(np.float64)
    positive = labels[order] == 1
    ends = np.flatnonzero(np.concatenate((falling[1:] != falling[:-1], [True])))
    reached, found = np.cumsum(weight)[ends], np.cumsum(weight * positive)[ends]
    gained = np.diff(found, prepend=0.0)
    precision = found / reached
    estimate = float((gained * precision).sum() / found[-1])
    # A row of more weight changes precision at its own threshold and at all below; a positive one has it counted more.
    group = np.searchsorted(ends, np.arange(scores.size))
    by_found, by_reached = (np.cumsum(part[::-1])[::-1] for part in (gained / reached, gained * precision / reached))
    slope = positive * (precision[group] + by_found[group] - estimate) - by_reached[group]
    influence = np.empty(scores.size)
    influence[order] = weight * slope / found[-1]
    return WeightedAveragePrecision(estimate, influence)


def looked_at_average_precision(
    labels: NDArray[np.integer], scores: NDArray[np.floating], looked_at: NDArray[np.floating]
) -> Interval:
    """Average precision on all applications, from N that were looked at with these probabilities; with its 95%
    interval.

    The interval is symmetric in log-odds, so that it stays between 0 and 1; its width follows from what each row adds.
    """
    found = weighted_average_precision(labels, scores, 1 / looked_at)
    estimate = found.estimate
    if not 0 < estimate < 1:
        return Interval(estimate, 0.0, 1.0)
    centre = math.log(estimate / (1 - estimate))
    spread = Z_95 * math.sqrt(float((found.influence**2).sum())) / (estimate * (1 - estimate))
    return Interval(estimate, *(1 / (1 + math.exp(-bound)) for bound in (centre - spread, centre + spread)))
