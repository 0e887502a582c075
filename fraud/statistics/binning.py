"""Bins of one variable: chosen once on reference values, then counted by trainer, server and database alike.

A variable's bins are one rising array of thresholds float32[k]. The bin of a value is the number of thresholds that
are not above it, which is what PostgreSQL's `width_bucket(value, thresholds real[])` and numpy's
`searchsorted(side="right")` give:

    0       below all reference values (thresholds[0] is their minimum)
    1..k-1  within the reference's range
    k       above all reference values (thresholds[-1] is the next float after their maximum)
    k + 1   missing: NaN or NULL
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float32s = NDArray[np.float32]

ORDINARY_SHARE: Final = 0.1
"""Of the reference values, in an ordinary bin: deciles."""

POINT_SHARE: Final = 0.05
"""A single value with this share of the reference values has a bin of its own."""

FEW_VALUES: Final = 12
"""A variable with no more distinct values than this has a bin for each of them."""


class BinKind(StrEnum):
    """What a bin holds."""

    ORDINARY = "ordinary"
    """A range of reference values."""
    POINT = "point"
    """One reference value that carries much mass."""
    UNSEEN = "unseen"
    """A gap within the reference's range, beside points: no reference value lies in it."""
    BELOW = "below"
    """Below all reference values."""
    ABOVE = "above"
    """Above all reference values."""
    MISSING = "missing"
    """NaN or NULL."""


@dataclass(frozen=True, slots=True, eq=False)
class Bins:
    """The bins of one variable.

    Raises:
        ValueError: the thresholds are no rising finite float32[k], or the kinds don't fit to them.
    """

    thresholds: Float32s
    """Rising, finite [k]; read-only."""
    kinds: tuple[BinKind, ...]
    """Of each bin [k + 2]."""

    def __post_init__(self) -> None:
        """Check what a file or a caller gave."""
        thresholds = self.thresholds
        if thresholds.dtype != np.float32 or thresholds.ndim != 1 or thresholds.size == 0:
            raise ValueError(f"thresholds must be float32[k], not {thresholds.dtype}{list(thresholds.shape)}")
        if not np.isfinite(thresholds).all() or (thresholds[1:] <= thresholds[:-1]).any():
            raise ValueError("thresholds must be finite and rise")
        ends = (self.kinds[0], *self.kinds[-2:])
        if len(self.kinds) != thresholds.size + 2 or ends != (BinKind.BELOW, BinKind.ABOVE, BinKind.MISSING):
            raise ValueError(f"{thresholds.size} thresholds need {thresholds.size + 2} kinds: below ... above, missing")
        thresholds.flags.writeable = False

    @property
    def labels(self) -> tuple[str, ...]:
        """What each bin is called [k + 2]; the upper end of a range belongs to the next bin."""
        maximum = np.nextafter(self.thresholds[-1], np.float32(-np.inf))
        # A bin after a single value begins with the next float: people are shown the value itself.
        ends = [
            _text(self.thresholds[place if kind is not BinKind.POINT else place - 1])
            for place, kind in enumerate(self.kinds[:-3])
        ]
        ends.append(_text(maximum))
        inner = [_inner_label(kind, *span) for kind, *span in zip(self.kinds[1:-2], ends[:-1], ends[1:], strict=True)]
        return (f"below {ends[0]}", *inner, f"above {ends[-1]}", "missing")

    def count(self, values: ArrayLike) -> NDArray[np.int64]:
        """Values in each bin [k + 2]."""
        return count_in_bins(values, self.thresholds)

    def weigh(self, values: ArrayLike, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weight [N] of the values in each bin [k + 2]."""
        column = np.asarray(values, np.float32)
        places = np.searchsorted(self.thresholds, column, side="right")
        places[np.isnan(column)] = len(self.kinds) - 1
        return np.asarray(np.bincount(places, weights, minlength=len(self.kinds)), np.float64)

    def to_plain(self) -> dict[str, list[Any]]:
        """As JSON can hold it; `from_plain` returns the same bits, since every float32 is a float64 too."""
        return {"thresholds": self.thresholds.tolist(), "kinds": [kind.value for kind in self.kinds]}

    @classmethod
    def from_plain(cls, plain: dict[str, list[Any]]) -> Self:
        """The bins that `to_plain` wrote.

        Raises:
            ValueError: these are no bins, or a threshold is no float32.
        """
        try:
            exact = np.array(plain["thresholds"], np.float64)
            kinds = tuple(BinKind(kind) for kind in plain["kinds"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"bins need numbers as `thresholds` and names as `kinds`: {error}") from error
        thresholds = exact.astype(np.float32)
        if not np.array_equal(thresholds, exact):
            raise ValueError("thresholds must be float32 values")
        return cls(thresholds, kinds)


def count_in_bins(values: ArrayLike, thresholds: Float32s) -> NDArray[np.int64]:
    """Values [N] in each of the bins that rising thresholds [k] make -> [k + 2].

    A pass over the values for each threshold: comparisons run at the speed of memory, a search does not.
    """
    column = np.ascontiguousarray(values, np.float32)
    holds = np.empty(column.size, np.bool_)
    missing = np.count_nonzero(np.isnan(column, out=holds))
    at_least = [np.count_nonzero(np.greater_equal(column, threshold, out=holds)) for threshold in thresholds]
    # Every value that is there, then those from each threshold on; what two neighbours differ by lies between.
    reached = np.array([column.size - missing, *at_least, 0], np.int64)
    return np.append(reached[:-1] - reached[1:], np.int64(missing))


def choose_bins(values: ArrayLike) -> Bins:
    """The bins for a variable with these reference values [N]; NaN is missing.

    A value with `POINT_SHARE` of the mass has a bin of its own; where there are no more than `FEW_VALUES` distinct
    values, each has. The values between two points are cut into bins of about `ORDINARY_SHARE` each. A gap between two
    neighbouring points is a bin of unseen values, and so is a gap beside a point that is wider than all ordinary values
    span (0 to 17,000 days, then 365,243).

    Raises:
        ValueError: there is no value, or one is infinite or the largest float32.
    """
    column = np.asarray(values, np.float32)
    # + 0.0 makes -0.0 a 0.0, so that both have one spelling.
    present = column[~np.isnan(column)] + np.float32(0.0)
    if present.size == 0:
        raise ValueError("bins need at least one reference value that is not missing")
    if np.abs(present).max() >= np.finfo(np.float32).max:
        raise ValueError("reference values must be finite and smaller than the largest float32")
    distinct, counts = np.unique(present, return_counts=True)
    is_point = (counts >= POINT_SHARE * present.size) | (distinct.size <= FEW_VALUES)
    lower_ends, kinds = _inner_bins(distinct, counts, is_point)
    thresholds = np.array([*lower_ends, _next_float(distinct[-1])], np.float32)
    return Bins(thresholds, (BinKind.BELOW, *kinds, BinKind.ABOVE, BinKind.MISSING))


def _inner_bins(
    distinct: Float32s, counts: NDArray[np.intp], is_point: NDArray[np.bool_]
) -> tuple[list[np.float32], list[BinKind]]:
    """Lower ends and kinds of the bins from minimum to maximum; each bin ends where the next begins."""
    ordinary = distinct[~is_point]
    wide = np.float64(ordinary[-1]) - np.float64(ordinary[0]) if ordinary.size else 0.0
    lower_ends: list[np.float32] = []
    kinds: list[BinKind] = []

    def add(lower_end: np.float32, kind: BinKind) -> None:
        lower_ends.append(lower_end)
        kinds.append(kind)

    for first, beyond in _runs(is_point):
        begin = distinct[first]
        if first > 0:
            behind = _next_float(distinct[first - 1])
            points = is_point[first] and is_point[first - 1]
            if behind < begin and (points or np.float64(begin) - np.float64(distinct[first - 1]) > wide):
                add(behind, BinKind.UNSEEN)
            elif is_point[first - 1]:
                begin = behind
        if is_point[first]:
            add(distinct[first], BinKind.POINT)
            continue
        bins = max(1, round(counts[first:beyond].sum() / counts.sum() / ORDINARY_SHARE))
        add(begin, BinKind.ORDINARY)
        for cut in _cuts(counts[first:beyond], bins):
            add(distinct[first + cut], BinKind.ORDINARY)
    return lower_ends, kinds


def _runs(is_point: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Places from - to of each point, and of each run of values between points."""
    starts = np.flatnonzero(np.concatenate(([True], is_point[1:] | is_point[:-1])))
    return list(zip(starts.tolist(), [*starts[1:].tolist(), is_point.size], strict=True))


def _cuts(counts: NDArray[np.intp], bins: int) -> list[int]:
    """Places after the first at which a run of values is cut into this number of parts of about equal mass."""
    below = np.cumsum(counts) - counts
    wanted = counts.sum() * np.arange(1, bins) / bins
    cuts = np.unique(np.searchsorted(below, wanted))
    return [int(cut) for cut in cuts if 0 < cut < counts.size]


def _inner_label(kind: BinKind, begin: str, end: str) -> str:
    if kind is BinKind.POINT:
        return begin
    return f"{begin} to {end}" + (" (never seen)" if kind is BinKind.UNSEEN else "")


def _next_float(value: np.float32) -> np.float32:
    return np.float32(np.nextafter(value, np.float32(np.inf)))


def _text(value: np.float32) -> str:
    """Days and money to the unit, small figures to four digits."""
    return f"{value:.7g}" if abs(value) >= 1_000 else f"{value:.4g}"
