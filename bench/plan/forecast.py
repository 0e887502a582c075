"""What reviews of the coming weeks will find, for each capacity: the expected figures and 95% prediction bands.

Three things are unknown beforehand, and each resample draws all of them:

- how well probabilities fit: a line in log-odds, by the known labels and their number;
- who will apply: whole days of those seen, first as many as were seen, since they are a sample themselves, then as many
  as lie ahead; days and not rows, so that days that differ more than chance would have them widen the bands;
- who of them will divorce: each with its own probability.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.statistics.interval import Interval
from fraud.statistics.recalibration import Recalibration, log_odds, recalibrated

DAYS_A_WEEK: Final = 7
RESAMPLES: Final = 2000
BAND: Final = 0.95
EVERYBODY: Final = "all"


@dataclass(frozen=True, slots=True)
class Price:
    """What a review costs and what a quick divorce loses, EUR."""

    case_eur: float
    divorce_eur: float


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """N applications of some whole days."""

    probabilities: NDArray[np.float32]
    days: NDArray[np.datetime64]
    """Of each application [N]."""
    groups: Mapping[str, NDArray[np.bool_]]
    """Who belongs to it, by name; `all` is added."""
    first_day: np.datetime64
    number_of_days: int
    """Days without an application count too."""

    @property
    def weeks(self) -> float:
        """How long they took to come."""
        return self.number_of_days / DAYS_A_WEEK


@dataclass(frozen=True, slots=True)
class Expected:
    """Of a week, with its band: the mean of the weeks ahead lies in there in 95%."""

    reviewed: Interval
    found: Interval
    """Reviewed couples who would divorce soon."""
    wrongly_suspected: Interval
    """Reviewed couples who would not."""
    euros: Interval
    """Losses that reviews prevent, less what they cost."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One capacity and what follows from it."""

    capacity: float
    """Reviews a week."""
    threshold: float
    """A float32: who has it or more is reviewed. Above 1 where nobody is."""
    by_group: Mapping[str, Expected]

    @property
    def expected(self) -> Expected:
        """Of everybody."""
        return self.by_group[EVERYBODY]


def threshold_for(probabilities: NDArray[np.float32], reviews: int) -> np.float32:
    """The lowest probability from which on at most this number of N are reviewed; above 1 if that is nobody.

    Applications of equal probability are reviewed together, or not at all: an answer can't tell them apart.
    """
    falling = np.sort(probabilities)[::-1]
    if reviews >= falling.size:
        return np.float32(falling[-1]) if falling.size else np.float32(np.inf)
    higher = falling[:reviews][falling[:reviews] > falling[reviews]]
    return np.float32(higher[-1]) if higher.size else np.nextafter(np.float32(1), np.float32(2))


def forecast(
    seen: Seen,
    known: Recalibration,
    capacities: Sequence[float],
    price: Price,
    *,
    days_ahead: int,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> tuple[Choice, ...]:
    """What each of the capacities, reviews a week and rising, will bring in as many days as lie ahead."""
    thresholds = [threshold_for(seen.probabilities, int(capacity * seen.weeks)) for capacity in capacities]
    reviewable = _Reviewable.of(seen, thresholds)
    expected = reviewable.counts(
        np.ones(reviewable.rows), recalibrated(known.line, reviewable.log_odds), weeks=seen.weeks
    )
    weeks_ahead = days_ahead / DAYS_A_WEEK
    drawn = np.empty((resamples, *expected.shape))
    for place, line in enumerate(known.lines(resamples, rng)):
        weights = _days_to_come(seen.number_of_days, days_ahead, rng)[reviewable.day]
        divorced = rng.binomial(weights, recalibrated(line, reviewable.log_odds))
        drawn[place] = reviewable.counts(weights, divorced, weeks=weeks_ahead)
    names = (EVERYBODY, *seen.groups)
    return tuple(
        Choice(
            float(capacity),
            float(thresholds[number]),
            {
                name: _expected(expected[:, number, group], drawn[:, :, number, group], price)
                for group, name in enumerate(names)
            },
        )
        for number, capacity in enumerate(capacities)
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Reviewable:
    """The applications that the largest capacity has reviewed, by falling probability."""

    log_odds: NDArray[np.float64]
    day: NDArray[np.intp]
    """Number of the day [R]."""
    members: NDArray[np.float64]
    """Who is in which group [R, G], everybody first."""
    ends: NDArray[np.intp]
    """Of each threshold: how many have it or more."""

    @classmethod
    def of(cls, seen: Seen, thresholds: Sequence[np.float32]) -> _Reviewable:
        order = np.argsort(-seen.probabilities, kind="stable")
        falling = seen.probabilities[order]
        ends = np.searchsorted(-falling, -np.array(thresholds, np.float32), side="right")
        order = order[: int(ends.max(initial=0))]
        everybody = np.ones(order.size, np.bool_)
        members = np.column_stack([everybody, *(group[order] for group in seen.groups.values())])
        days = (seen.days[order] - seen.first_day).astype("timedelta64[D]").astype(np.intp)
        return cls(log_odds(seen.probabilities[order]), days, members.astype(np.float64), ends)

    @property
    def rows(self) -> int:
        return self.log_odds.size

    def counts(self, weights: NDArray[np.number], divorced: NDArray[np.number], *, weeks: float) -> NDArray[np.float64]:
        """Reviewed and found a week, by threshold and group [2, K, G]."""
        together = np.concatenate(
            (weights[:, np.newaxis] * self.members, divorced[:, np.newaxis] * self.members), axis=1
        )
        sums = np.zeros((self.rows + 1, together.shape[1]))
        np.cumsum(together, axis=0, out=sums[1:])
        found = sums[self.ends].reshape(self.ends.size, 2, -1) / weeks
        return np.asarray(found.swapaxes(0, 1), np.float64)


def _days_to_come(seen: int, ahead: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """How often each day that was seen comes again."""
    again = rng.multinomial(seen, np.full(seen, 1 / seen))
    return np.asarray(rng.multinomial(ahead, again / seen), np.int64)


def _expected(estimate: NDArray[np.float64], drawn: NDArray[np.float64], price: Price) -> Expected:
    """Of reviewed and found: the estimates [2] and what was drawn [B, 2]."""

    def band(value: NDArray[np.float64], values: NDArray[np.float64]) -> Interval:
        # Bounds that were drawn: between two whole numbers lies nothing that can come true.
        tail = (1 - BAND) / 2
        low = np.quantile(values, tail, method="lower")
        high = np.quantile(values, 1 - tail, method="higher")
        return Interval(float(value), float(low), float(high))

    def all_four(reviewed: NDArray[np.float64], found: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        return reviewed, found, reviewed - found, found * price.divorce_eur - reviewed * price.case_eur

    return Expected(*map(band, all_four(*estimate), all_four(*drawn.T)))
