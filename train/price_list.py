"""What leaving a protected feature out costs, and what it changes for the groups: a price list for who decides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from fraud.features import FEATURES
from fraud.group_report import GroupReport, group_report
from fraud.statistics.average_precision import average_precision
from fraud.statistics.interval import Interval
from fraud.statistics.ranking import rank
from fraud.statistics.review import REVIEW_CAPACITY
from train.dataset import Dataset
from train.fitting import probabilities
from train.growing import Grow, grow
from train.recipe import Recipe
from train.split import Split


@dataclass(frozen=True, slots=True)
class Price:
    """A recipe's twin with other features, on the test part."""

    features: str
    """What is changed of the recipe, in words."""
    average_precision: float
    selection_ratio: tuple[str, Interval] | None
    """The worst group and how many times as often as all others it is reviewed."""
    fpr_ratio: tuple[str, Interval] | None
    """The same of those who are reviewed wrongly."""


def examined(test: Dataset, predicted: NDArray[np.float32]) -> GroupReport:
    """Whom probabilities [N] of the test part suspect."""
    return group_report(test.x, test.y, predicted, test.attributes, REVIEW_CAPACITY, weights=test.weights)


def price_list(
    recipe: Recipe, split: Split, predicted: NDArray[np.float32], seed: int, threads: int, *, grown_by: Grow = grow
) -> tuple[Price, ...]:
    """The recipe as it is, by its twin's probabilities [N] of the test part, then with each protected feature changed.

    Each is one more fit of the twin; it need not be calibrated, since the order alone decides who is reviewed.
    """
    found = [_price("as it is", split.test, predicted)]
    for words, other in _changed(recipe):
        scores = probabilities(other.fit(split.known, seed, threads, grown_by), split.test.x)
        found.append(_price(words, split.test, scores))
    return tuple(found)


def _changed(recipe: Recipe) -> Iterator[tuple[str, Recipe]]:
    for feature in FEATURES:
        if not feature.protected:
            continue
        if feature.name in recipe.excluded:
            others = tuple(name for name in recipe.excluded if name != feature.name)
            yield f"with `{feature.name}`", msgspec.structs.replace(recipe, excluded=others)
        elif len(recipe.excluded) + 1 < len(FEATURES):
            without = tuple(one.name for one in FEATURES if one.name in {*recipe.excluded, feature.name})
            yield f"without `{feature.name}`", msgspec.structs.replace(recipe, excluded=without)


def _price(words: str, test: Dataset, predicted: NDArray[np.float32]) -> Price:
    groups = examined(test, predicted)
    return Price(
        words,
        average_precision(rank(test.y, predicted), test.weights),
        groups.worst("selection_rate"),
        groups.worst("false_positive_rate"),
    )
