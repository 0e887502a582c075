"""Counterfactuals: the smallest change of a single feature that takes an application below a threshold.

Between two thresholds of the forest a feature's value has no effect, so for each interval only the value nearest to the
application's own is scored. The serving engine scores them all, which also confirms the result. A change of one feature
alone is a statement about the model, not about its applicants: features are correlated, so neither a change nor a
contribution is a cause, and the two can disagree.

Changes of amounts and levels are measured in the feature's own unit, in whole days and whole EUR, within its plausible
range. Special values (not employed), codes and missing values have no distance: for a change from or to one of them,
the one that moves the score least is taken, and none is proposed if an amount would do. A given value is never removed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.feature_file import Feature, FeatureType, ShownAs
from serve.engine.engine import Matrix, Probabilities

Vector = NDArray[np.float32]

SHOWN_WHOLE: Final = frozenset({ShownAs.EUR, ShownAs.YEARS})
"""Units of which fractions are irrelevant: EUR and days."""


@dataclass(frozen=True, slots=True)
class SingleChange:
    """Another value of one feature, and the probability with it, all else unchanged."""

    column: int
    value: float
    probability: float


@dataclass(frozen=True, slots=True)
class _Tried:
    """Other values of one feature, [n] each."""

    values: Vector
    distances: NDArray[np.float64]
    """Distance from the application's own value; NaN if there is none."""


def single_changes(
    row: Vector,
    below: float,
    features: Sequence[Feature],
    thresholds: Sequence[Vector],
    score: Callable[[Matrix], Probabilities],
) -> tuple[SingleChange, ...]:
    """The smallest change of each disputable feature that brings the probability below `below`, if there is one.

    Args:
        row: one application, [F].
        below: a probability, such as the review threshold.
        features: the declared ones.
        thresholds: the forest's, for each feature, ascending (`Contributions.thresholds`).
        score: the engine's scoring function.
    """
    columns = [column for column, feature in enumerate(features) if feature.disputable]
    tried = [_tried(features[column], row[column], thresholds[column]) for column in columns]
    counts = [len(one.values) for one in tried]
    if sum(counts) == 0:
        return ()
    changed = np.repeat(row[np.newaxis], sum(counts), axis=0)
    changed[np.arange(len(changed)), np.repeat(columns, counts)] = np.concatenate([one.values for one in tried])
    probabilities = np.split(score(changed), np.cumsum(counts)[:-1])
    found = []
    for column, one, scored in zip(columns, tried, probabilities, strict=True):
        place = _smallest(one.distances, scored, below)
        if place is not None:
            found.append(SingleChange(column, float(one.values[place]), float(scored[place])))
    return tuple(found)


def _smallest(distances: NDArray[np.float64], probabilities: Probabilities, below: float) -> int | None:
    """The smallest change among the tried values that is sufficient."""
    passing = np.flatnonzero(probabilities < below)
    measured = passing[~np.isnan(distances[passing])]
    if len(measured):
        return int(measured[np.argmin(distances[measured])])
    return int(passing[np.argmax(probabilities[passing])]) if len(passing) else None


def _tried(feature: Feature, own: np.float32, thresholds: Vector) -> _Tried:
    """All values to score."""
    named = np.array(list(feature.values.values()), dtype=np.float32)
    amounts = named if feature.is_enumerated else _amounts(feature, own, thresholds, named)
    has_distance = feature.type is not FeatureType.CODE and (feature.is_enumerated or own not in named)
    distances = np.abs(amounts.astype(np.float64) - own) if has_distance else np.full(len(amounts), np.nan)
    if not feature.is_enumerated:
        amounts = np.concatenate([amounts, named])
        distances = np.concatenate([distances, np.full(len(named), np.nan)])
    others = amounts != own
    return _Tried(amounts[others], distances[others])


def _amounts(feature: Feature, own: np.float32, thresholds: Vector, named: Vector) -> Vector:
    """For each interval the plausible value nearest to the applicant's own, or the smallest if
    `own` is not an amount.
    """
    low, high = feature.plausible_range
    low = max(low, feature.minimum)
    start = np.float32(-np.inf) if np.isnan(own) or own in named else own
    # A value on a threshold is above it.
    higher = np.append(thresholds[thresholds > start], np.float32(low))
    lower = np.append(np.nextafter(thresholds[thresholds <= start], np.float32(-np.inf)), np.float32(high))
    if feature.integral or feature.shown_as in SHOWN_WHOLE:
        higher, lower = np.ceil(higher), np.floor(lower)
    tried = np.unique(np.concatenate([higher, lower]))
    return tried[(tried >= low) & (tried <= high) & ~np.isin(tried, named)]
