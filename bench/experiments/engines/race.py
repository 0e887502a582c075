"""Times contenders in turns on fresh rows and compares them round by round.

On a shared machine times drift, but contenders that take turns drift together: the ratio of two times of the same
round means something where the times do not. No rows are scored twice in a row, because processors learn the ways of
rows they have seen, which flatters whatever branches up to three times.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from convert.source import Matrix
from serve.engine.sample_rows import ordinary_rows

Score = Callable[[Matrix], object]

POOL_ROWS: Final = 400_000
"""16 MB, beyond what branch predictors remember."""

LEAST_ROUNDS: Final = 7
MOST_ROUNDS: Final = 2_000

SPREAD: Final = (10, 50, 90)
"""Percentiles: the median is the figure, the others say how far to trust it."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as long the one takes as the other: median over the rounds, 10th and 90th percentile."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Cell:
    """All times of one model, number of threads and batch size; `seconds[name][round]`."""

    model: str
    threads: int
    rows: int
    seconds: dict[str, list[float]]

    def us_per_row(self, name: str) -> float:
        """Median."""
        return float(np.median(self.seconds[name])) / self.rows * 1e6

    def ratio(self, slow: str, fast: str) -> Ratio:
        """Of the times of `slow` to those of `fast`."""
        return ratio_of(self.seconds[slow], self.seconds[fast])

    def better(self, names: tuple[str, ...]) -> str:
        """The one with the least median."""
        return min(names, key=self.us_per_row)


def ratio_of(numerator: list[float], denominator: list[float]) -> Ratio:
    """Ratio of two series of times, round by round."""
    low, median, high = np.percentile(np.array(numerator) / np.array(denominator), SPREAD)
    return Ratio(float(median), float(low), float(high))


class Race:
    """Rows that last for all races of a run."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.default_rng(seed)
        self._rows = ordinary_rows(POOL_ROWS, self._generator)

    def run(self, contenders: Mapping[str, Score], rows: int, budget_s: float) -> dict[str, list[float]]:
        """Seconds of each contender, a call a round, for about `budget_s` and at least `LEAST_ROUNDS` rounds."""
        for score in contenders.values():
            score(self._fresh(rows))
        seconds: dict[str, list[float]] = {name: [] for name in contenders}
        names = list(contenders)
        end = time.perf_counter() + budget_s
        for turn in range(MOST_ROUNDS):
            if turn >= LEAST_ROUNDS and time.perf_counter() > end:
                break
            # In a new order every round: whoever comes after a large one finds colder caches.
            for index in self._generator.permutation(len(names)):
                x = self._fresh(rows)
                begun = time.perf_counter()
                contenders[names[index]](x)
                seconds[names[index]].append(time.perf_counter() - begun)
        return seconds

    def _fresh(self, rows: int) -> Matrix:
        start = int(self._generator.integers(POOL_ROWS - rows + 1))
        return self._rows[start : start + rows]
