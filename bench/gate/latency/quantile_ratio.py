"""How much slower one server is than another: ratios of latency quantiles with intervals over pairs of windows.

Latencies within a window share whatever the machine did at that time, so they are no independent draws; windows are.
The bootstrap therefore resamples whole pairs of neighbouring windows (a block bootstrap, Kuensch 1989), pools the raw
samples of the drawn windows on either side, and takes the ratio of their quantiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.statistics.bootstrap import percentile_interval
from fraud.statistics.interval import Interval

RESAMPLES: Final = 2_000
BLOCK: Final = 100
"""Resamples weighed at a time: 100 x 5,000 samples of int32 are 2 MB."""

Samples = NDArray[np.float64]


def quantile_ratio(
    champion: Sequence[Samples],
    candidate: Sequence[Samples],
    quantile: float,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Interval:
    """Candidate's latency quantile over the champion's, with its two-sided 95% percentile interval.

    Args:
        champion: latencies of each window, in one unit; window `i` neighbours window `i` of the candidate.
        candidate: as many windows.
        quantile: in (0, 1): 0.5 is the median.
        rng: draws the windows.
        resamples: how many times.

    Raises:
        ValueError: no pair of windows, or one without samples.
    """
    if len(champion) != len(candidate) or not champion:
        raise ValueError(f"{len(champion)} and {len(candidate)} windows: expected as many of both, at least one")
    pairs = len(champion)
    drawn = rng.integers(0, pairs, size=(resamples, pairs))
    times_drawn = np.zeros((resamples, pairs), np.int32)
    np.add.at(times_drawn, (np.arange(resamples)[:, None], drawn), 1)
    once = np.ones((1, pairs), np.int32)
    estimate = _quantiles(candidate, once, quantile)[0] / _quantiles(champion, once, quantile)[0]
    ratios = _quantiles(candidate, times_drawn, quantile) / _quantiles(champion, times_drawn, quantile)
    return percentile_interval(float(estimate), ratios)


def _quantiles(windows: Sequence[Samples], times_drawn: NDArray[np.int32], quantile: float) -> NDArray[np.float64]:
    """The quantile of the pooled samples [resamples] when window `i` is drawn `times_drawn[:, i]` times.

    It is a sample: the smallest one with at least that share of all at or below it (Hyndman & Fan 1996, type 1).
    """
    if not all(window.size for window in windows):
        raise ValueError("a window without samples")
    pooled = np.concatenate(windows)
    order = np.argsort(pooled, kind="stable")
    window_of = np.repeat(np.arange(len(windows)), [window.size for window in windows])[order]
    found = np.empty(len(times_drawn))
    for start in range(0, len(times_drawn), BLOCK):
        below = np.cumsum(times_drawn[start : start + BLOCK][:, window_of], axis=1)
        enough = below >= quantile * below[:, -1:]
        found[start : start + BLOCK] = pooled[order[np.argmax(enough, axis=1)]]
    return found
