"""Known changes of the applications, and windows in which a share of the requests has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fraud.features import FEATURE_COUNT, FEATURE_NAMES
from jenkins.drift.evaluation.simulation.world import Applications, World

AGE: Final = FEATURE_NAMES.index("Age_Days")
INCOME: Final = FEATURE_NAMES.index("Client_Income")
YOUNG_DAYS: Final = 9_855
"""Applicants of the new wave are younger than this: 27 years."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Windows of this number of requests, each request changed with a probability; several changes take turns."""

    name: str
    rows: int
    share: float
    changed: tuple[Applications, ...]


def older(world: World, deviations: float) -> Applications:
    """Everybody older by this number of standard deviations of age, and scored again."""
    features = world.reference.features.copy()
    age = features[:, AGE].astype(np.float64)
    features[:, AGE] = np.rint(age + deviations * age.std())
    return world.scored(features, world.reference.labels)


def new_wave(world: World) -> Applications:
    """Only applicants younger than 27. That half of them divorce shows later: labels that count by now are as ever."""
    return world.reference.rows(world.reference.features[:, AGE] < YOUNG_DAYS)


def missing(world: World, feature: int) -> Applications:
    """One feature missing in every row."""
    return world.with_feature(feature, np.float32(np.nan))


def out_of_range(world: World, feature: int) -> Applications:
    """One feature far beyond its maximum in every row."""
    return world.with_feature(feature, np.float32(2 * world.bins[feature].thresholds[-1]))


def in_thousands(world: World) -> Applications:
    """Incomes in thousandths of their unit in every row: a thousand times as large."""
    return world.with_feature(INCOME, world.reference.features[:, INCOME] * np.float32(1_000))


def each_feature(
    world: World, change: Callable[[World, int], Applications], among: Iterable[int] = range(FEATURE_COUNT)
) -> tuple[Applications, ...]:
    """The same fault in each feature, one at a time."""
    return tuple(change(world, feature) for feature in among)


def with_blanks(world: World) -> frozenset[int]:
    """The features that some applications of the reference lack: one more that lacks them is nothing new."""
    return frozenset(np.flatnonzero(np.isnan(world.reference.features).any(axis=0)).tolist())


def draw(world: World, scenario: Scenario, windows: int, rng: np.random.Generator) -> Iterator[Applications]:
    """Draw this number of windows with replacement."""
    turns: Sequence[Applications] = scenario.changed or (world.reference,)
    for turn in range(windows):
        changed = int(rng.binomial(scenario.rows, scenario.share))
        parts = [
            source.rows(rng.integers(0, len(source), rows))
            for source, rows in (
                (world.reference, scenario.rows - changed),
                (turns[turn % len(turns)], changed),
            )
        ]
        yield Applications.together(parts)
