"""The ratio of two shares with its score interval, which holds for small counts and for none at all."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from scipy.optimize import brentq
from scipy.stats import norm

from fraud.statistics.interval import Interval

FARTHEST: Final = 60.0
"""Natural logarithm of the largest ratio that is looked at; counts of any table lie far inside."""


def ratio_interval(
    hits: float, trials: float, other_hits: float, other_trials: float, confidence: float = 0.95
) -> Interval | None:
    """The share `hits / trials` over `other_hits / other_trials`, with its two-sided interval (Koopman 1984).

    A share of 0 below makes the ratio and its upper end infinite. None where there is no ratio: both shares are 0, or
    one is of nothing.
    """
    if min(trials, other_trials) <= 0 or hits == other_hits == 0:
        return None
    share, other_share = hits / trials, other_hits / other_trials
    estimate = share / other_share if other_hits else math.inf
    wanted = float(norm.isf((1 - confidence) / 2))

    def beyond(log_ratio: float) -> float:
        return ratio_score(math.exp(log_ratio), hits, trials, other_hits, other_trials)

    low, high = 0.0, math.inf
    if hits:
        low = min(estimate, _solve(beyond, wanted))
    if other_hits:
        high = max(estimate, _solve(beyond, -wanted))
    return Interval(estimate, low, high)


def _solve(beyond: Callable[[float], float], wanted: float) -> float:
    return math.exp(brentq(lambda at: beyond(at) - wanted, -FARTHEST, FARTHEST, xtol=1e-12))


def ratio_score(ratio: float, hits: float, trials: float, other_hits: float, other_trials: float) -> float:
    """How many standard errors the difference `share - ratio * other share` lies above 0, were `ratio` true.

    If it is above the normal quantile of a level, the one-sided lower bound at that level is above `ratio`.

    The shares under that hypothesis are the most likely ones (Miettinen and Nurminen 1985, eq. 13).
    """
    a = (trials + other_trials) * ratio
    b = -(trials * ratio + hits + other_trials + other_hits * ratio)
    c = hits + other_hits
    # The smaller root, in the form that loses no digits.
    other = min(1.0, 2 * c / (-b + math.sqrt(max(0.0, b * b - 4 * a * c))))
    own = min(1.0, other * ratio)
    variance = own * (1 - own) / trials + ratio * ratio * other * (1 - other) / other_trials
    difference = hits / trials - ratio * other_hits / other_trials
    if variance > 0:
        return difference / math.sqrt(variance)
    return math.copysign(math.inf, difference) if difference else 0.0
