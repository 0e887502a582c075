"""How often the rule errs: gates on simulated models whose true average precision is known.

Scores are binormal: of a negative row normal around 0, of a positive row around d, which is the model's
quality; the noise of two models is correlated, as that of two models trained on nearly the same rows is. True average
precision follows from d alone, so "equal" and "better by 0.025" are exact.

The two models are judged twins. The shipped models know the simulated rows, but no gate compares them on these rows, so
these error rates are the gate's, whatever ships.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm

from bench.gate.quality.comparison import compare
from bench.gate.quality.rule import Rule, judge
from fraud.verdict import Verdict

GATES_A_YEAR: Final = 12
WINDOW_MONTHS: Final = 3
"""The newest tenth of three years: neighbouring gates share two thirds of their rows."""


@dataclass(frozen=True, slots=True)
class World:
    """What a simulated gate sees: positive rate and average precision as on the newest tenth of the reference data."""

    rows: int = 20_000
    positive_rate: float = 0.15
    champion: float = 0.32
    """True average precision of the champion."""
    correlation: float = 0.9
    """Of the noise of two models."""
    resamples: int = 1000
    level: float = 0.01
    rule: Rule = Rule.SUPERIOR
    margin: float = 0.005
    """Loss that the rule `noninferior` accepts."""


REFRESH: Final = World(rule=Rule.NONINFERIOR, correlation=0.97)
"""The gate's second question, after a rejection. A recipe and itself, fitted a month later, share most of their rows:
their noise has more in common than that of two recipes."""


def true_average_precision(separation: float, rate: float) -> float:
    """Average precision of a binormal model on endless rows: the mean of precision over recall, by quadrature."""
    recall = (np.arange(200_000) + 0.5) / 200_000
    threshold = norm.isf(recall, loc=separation)
    false_positives = (1 - rate) * norm.sf(threshold)
    return float(np.mean(rate * recall / (rate * recall + false_positives)))


def separation_for(average_precision: float, rate: float) -> float:
    """The distance of the two normal distributions for this true average precision."""
    return float(brentq(lambda separation: true_average_precision(separation, rate) - average_precision, 0.0, 6.0))


def promoted(world: World, gain: float, trials: int, seed: int) -> Iterator[bool]:
    """Whether each of the gates promotes a candidate whose true average precision is higher by `gain`."""
    rng = np.random.default_rng(seed)
    separations = np.array([separation_for(world.champion + more, world.positive_rate) for more in (0.0, gain)])
    for _ in range(trials):
        labels = _labels(rng, world.rows, world.positive_rate)
        scores = _scores(rng, labels, separations, world.correlation)
        yield _gate(world, labels, scores[0], scores[1], rng)


def swaps_in_a_year(world: World, seed: int) -> int:
    """How many of twelve monthly candidates, all exactly as good as the champion, are promoted.

    Each gate looks at the newest three months, so neighbouring gates share rows; a candidate that is promoted is the
    champion of the next gates.
    """
    rng = np.random.default_rng(seed)
    a_month = world.rows // WINDOW_MONTHS
    labels = _labels(rng, a_month * (GATES_A_YEAR + WINDOW_MONTHS - 1), world.positive_rate)
    equal = np.full(GATES_A_YEAR + 1, separation_for(world.champion, world.positive_rate))
    scores = _scores(rng, labels, equal, world.correlation)
    champion, swaps = 0, 0
    for month in range(GATES_A_YEAR):
        window = slice(month * a_month, (month + WINDOW_MONTHS) * a_month)
        if _gate(world, labels[window], scores[champion, window], scores[month + 1, window], rng):
            champion, swaps = month + 1, swaps + 1
    return swaps


def _gate(
    world: World,
    labels: NDArray[np.int8],
    champion: NDArray[np.float32],
    candidate: NDArray[np.float32],
    rng: np.random.Generator,
) -> bool:
    found = compare(labels, champion, candidate, review_capacity=0.05, rng=rng, resamples=world.resamples)
    return judge(world.rule, world.level, world.margin, found.average_precision).verdict is Verdict.PASS


def _labels(rng: np.random.Generator, rows: int, rate: float) -> NDArray[np.int8]:
    return (rng.random(rows) < rate).astype(np.int8)


def _scores(
    rng: np.random.Generator, labels: NDArray[np.int8], separations: NDArray[np.float64], correlation: float
) -> NDArray[np.float32]:
    """Scores [M, N] of M models that share a part of their noise."""
    shared = rng.normal(size=labels.size)
    own = rng.normal(size=(separations.size, labels.size))
    noise = np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own
    return np.asarray(separations[:, np.newaxis] * labels + noise, np.float32)
