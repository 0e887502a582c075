"""Why decisions flip: which features' effects on the log-odds are others in the candidate.

The page names nobody and shows no value of an application, since it may outlive an erasure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.shadow.applications import Applications
from bench.shadow.decisions import BothDecisions
from fraud.features import FEATURES
from serve.engine.contributions import Contributions
from serve.scoring.reasons import weightiest

MOST_EXPLAINED: Final = 20_000
"""If there are more flips in one direction, this number is explained, spread evenly over the window."""
MOST_SHOWN: Final = 10
"""Of each direction, those whose log-odds move most."""
REASONS: Final = 3


@dataclass(frozen=True, slots=True)
class FeatureChange:
    """What a feature contributes to flips of one direction."""

    feature: str
    first: int
    """Flips whose weightiest reason it is."""
    champion: float | None
    candidate: float | None
    """Mean effect on the log-odds; None for a version without reasons."""


@dataclass(frozen=True, slots=True)
class Flip:
    """One decision that flips."""

    day: str
    champion: float
    candidate: float
    """Probabilities."""
    reasons: tuple[tuple[str, float], ...]
    """The features whose effects change most, and by how much."""


@dataclass(frozen=True, slots=True)
class Flips:
    """All flips of one direction."""

    number: int
    explained: int
    """Of them, those that the features below are about; 0 if no version has reasons."""
    features: tuple[FeatureChange, ...]
    """The most frequent reason first."""
    largest: tuple[Flip, ...]


@dataclass(frozen=True, slots=True)
class Explanations:
    """Computes the effects of each version; None for a version that was registered without tables."""

    champion: Contributions | None
    candidate: Contributions | None

    @property
    def are_complete(self) -> bool:
        """Whether there are changes of effects, and not only the effects of one version."""
        return self.champion is not None and self.candidate is not None


def explain_flips(
    applications: Applications, decisions: BothDecisions, explanations: Explanations
) -> tuple[Flips, Flips]:
    """Those that the candidate alone has reviewed, and those that the champion alone has."""
    return (
        _explained(applications, decisions.to_review, explanations, 1.0),
        _explained(applications, decisions.to_pass, explanations, -1.0),
    )


def _explained(
    applications: Applications, flipped: NDArray[np.bool_], explanations: Explanations, sign: float
) -> Flips:
    places = np.flatnonzero(flipped)
    moved = _log_odds(applications.candidate[places]) - _log_odds(applications.champion[places])
    farthest = np.argsort(-np.abs(moved), kind="stable")[:MOST_SHOWN]
    chosen = places[:: max(1, -(-places.size // MOST_EXPLAINED))]
    changes = _changes(applications.x[chosen], explanations)
    shown = places[farthest]
    shown_changes = _changes(applications.x[shown], explanations)
    return Flips(
        number=places.size,
        explained=0 if changes is None else chosen.size,
        features=() if changes is None or not chosen.size else _features(changes, sign),
        largest=tuple(
            Flip(
                str(applications.days[place]),
                float(applications.champion[place]),
                float(applications.candidate[place]),
                () if shown_changes is None else _reasons(shown_changes.change[number], sign),
            )
            for number, place in enumerate(shown)
        ),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Changes:
    """Effects [n, F] of each version, and what the candidate makes of them."""

    champion: NDArray[np.float32] | None
    candidate: NDArray[np.float32] | None
    change: NDArray[np.float32]


def _changes(x: NDArray[np.float32], explanations: Explanations) -> _Changes | None:
    """None if no version has reasons. If only one has, its effects explain the decisions of both."""
    x = np.ascontiguousarray(x)
    champion, candidate = (
        None if one is None else one.effects(x) for one in (explanations.champion, explanations.candidate)
    )
    if champion is None and candidate is None:
        return None
    nothing = np.zeros((len(x), len(FEATURES)), np.float32)
    change = (nothing if candidate is None else candidate) - (nothing if champion is None else champion)
    return _Changes(champion, candidate, change)


def _features(changes: _Changes, sign: float) -> tuple[FeatureChange, ...]:
    first = np.bincount(np.argmax(sign * changes.change, axis=1), minlength=len(FEATURES))
    means = [
        None if effects is None else effects.mean(axis=0, dtype=np.float64)
        for effects in (changes.champion, changes.candidate)
    ]
    found = [
        FeatureChange(
            feature.called,
            int(first[column]),
            *(None if mean is None else float(mean[column]) for mean in means),
        )
        for column, feature in enumerate(FEATURES)
    ]
    return tuple(sorted(found, key=lambda one: -one.first))


def _reasons(change: NDArray[np.float32], sign: float) -> tuple[tuple[str, float], ...]:
    """The features that speak most for the flip."""
    towards = np.maximum(sign * change, 0)
    (columns,) = weightiest(towards[np.newaxis], REASONS)
    return tuple((FEATURES[column].called, float(change[column])) for column in columns if towards[column] > 0)


def _log_odds(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    p = np.clip(probabilities.astype(np.float64), 1e-12, 1 - 1e-12)
    return np.asarray(np.log(p) - np.log1p(-p))
