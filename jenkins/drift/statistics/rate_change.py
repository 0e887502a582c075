"""Whether a share, or what happened beside what was predicted, is another one in the second of two periods."""

from __future__ import annotations

import math

from scipy.stats import binom, hypergeom


def share_change_p(hits: float, trials: float, later_hits: float, later_trials: float) -> float:
    """Two-sided p-value of Fisher's exact test, the smaller tail twice; parts of a hit don't count."""
    first, second = math.floor(hits), math.floor(later_hits)
    rows = (math.ceil(trials) + math.ceil(later_trials), first + second, math.ceil(later_trials))
    return float(min(1.0, 2 * min(hypergeom.cdf(second, *rows), hypergeom.sf(second - 1, *rows))))


def calibration_change_p(happened: int, predicted: float, later_happened: int, later_predicted: float) -> float:
    """Two-sided p-value: is the ratio of what happened to what was predicted the same?

    If it is, each event falls into the later period with the probability of its share of all that was predicted
    (Przyborowski and Wilenski 1940). Events of rows spread less than that, so the test errs to the safe side.
    """
    if predicted + later_predicted <= 0:
        return 1.0
    of_all = (happened + later_happened, later_predicted / (predicted + later_predicted))
    return float(min(1.0, 2 * min(binom.cdf(later_happened, *of_all), binom.sf(later_happened - 1, *of_all))))
