"""What would have changed it: the smallest change of each single feature that takes an application below a threshold.

Between two thresholds of the forest a feature's value changes nothing, so of each interval only the value nearest to
the application's own has to be scored. All are scored by the engine that serves, which is the confirmation too.
A change of one feature alone is a statement about the model, not about its applicants: features go together, so neither
a change nor a contribution names a cause, and the two can disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fraud.feature_file import Feature
from fraud.features import FEATURES
from serve.engine.engine import Matrix, Probabilities

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SingleChange:
    """Another value of one feature, and the probability with it, all else as it was."""

    column: int
    value: float
    probability: float


def single_changes(
    row: Vector, below: float, thresholds: Sequence[Vector], score: Callable[[Matrix], Probabilities]
) -> tuple[SingleChange, ...]:
    """For each disputable feature the smallest change with which the probability is less than `below`, if there is one.

    Nothing is said of a value that is missing: it has no nearest one.

    Args:
        row: one application, [10].
        below: a probability, such as the one from which applications are reviewed.
        thresholds: those of the forest for each feature, rising (`Contributions.thresholds`).
        score: the engine's.
    """
    columns, values = _candidates(row, thresholds)
    if not len(columns):
        return ()
    changed = np.repeat(row[np.newaxis], len(columns), axis=0)
    changed[np.arange(len(columns)), columns] = values
    probabilities = score(changed)
    found = []
    for column in np.unique(columns):
        passing = np.flatnonzero((columns == column) & (probabilities < below))
        if len(passing):
            distances = np.abs(values[passing].astype(np.float64) - row[column])
            nearest = passing[np.argmin(distances)]
            found.append(SingleChange(int(column), float(values[nearest]), float(probabilities[nearest])))
    return tuple(found)


def _candidates(row: Vector, thresholds: Sequence[Vector]) -> tuple[NDArray[np.int64], Vector]:
    """Columns and values to try, both [n]."""
    columns, values = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.float32)]
    for column, feature in enumerate(FEATURES):
        if feature.disputable and not np.isnan(row[column]):
            tried = _values(feature, row[column], thresholds[column])
            columns.append(np.full(len(tried), column, dtype=np.int64))
            values.append(tried)
    return np.concatenate(columns), np.concatenate(values)


def _values(feature: Feature, own: np.float32, thresholds: Vector) -> Vector:
    """Of each interval the value nearest to the applicant's own, of those that the feature can have."""
    if feature.is_enumerated:
        tried = np.array(list(feature.values.values()), dtype=np.float32)
    else:
        # A value on a threshold is above it.
        higher = thresholds[thresholds > own]
        lower = np.nextafter(thresholds[thresholds <= own], np.float32(-np.inf))
        if feature.integral:
            higher, lower = np.ceil(higher), np.floor(lower)
        tried = np.concatenate([lower, higher])
    return np.unique(tried[np.isfinite(tried) & (tried >= feature.minimum) & (tried != own)])
