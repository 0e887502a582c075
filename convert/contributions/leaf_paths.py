"""What a row must answer to reach a leaf, feature by feature, and how many training rows did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fraud.features import FEATURE_COUNT
from fraud.forest import Forest, Tree

Grid = tuple[NDArray[np.float32], ...]
"""The distinct thresholds of each feature, rising. They cut it into intervals; a missing value is the last one."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What the splits on one feature along a leaf's path ask together."""

    share: float
    """Of the training rows that reached these splits, by cover, those that went the leaf's way."""
    met: NDArray[np.bool_]
    """For each interval of the feature whether its values go the leaf's way."""


@dataclass(frozen=True, slots=True)
class LeafPath:
    """A leaf's value and its conditions by feature."""

    value: float
    conditions: dict[int, Condition]


def grid_of(forest: Forest) -> Grid:
    """The thresholds of all trees."""
    feature = np.concatenate([tree.feature[tree.splits] for tree in forest.trees])
    threshold = np.concatenate([tree.threshold[tree.splits] for tree in forest.trees])
    return tuple(np.unique(threshold[feature == column]) for column in range(FEATURE_COUNT))


def leaf_paths(tree: Tree, cover: NDArray[np.float64], grid: Grid) -> list[tuple[LeafPath, ...]]:
    """For each node the paths, from the root, to the leaves below it."""
    below: list[tuple[LeafPath, ...]] = [()] * len(tree.left)
    conditions: list[dict[int, Condition]] = [{}] * len(tree.left)
    for node in tree.splits:
        for child, condition in _children(tree, cover, grid, int(node)):
            column = int(tree.feature[node])
            before = conditions[node].get(column)
            conditions[child] = conditions[node] | {column: condition if before is None else _both(before, condition)}
    # Children come after their parents.
    for node in reversed(range(len(tree.left))):
        left, right = int(tree.left[node]), int(tree.right[node])
        below[node] = (LeafPath(float(tree.value[node]), conditions[node]),) if left < 0 else below[left] + below[right]
    return below


def _children(tree: Tree, cover: NDArray[np.float64], grid: Grid, node: int) -> Iterator[tuple[int, Condition]]:
    thresholds = grid[tree.feature[node]]
    passes = np.arange(len(thresholds) + 2) <= np.searchsorted(thresholds, tree.threshold[node])
    passes[-1] = tree.missing_left[node]
    for child, met in ((int(tree.left[node]), passes), (int(tree.right[node]), ~passes)):
        yield child, Condition(float(cover[child] / cover[node]), met)


def _both(one: Condition, other: Condition) -> Condition:
    return Condition(one.share * other.share, one.met & other.met)
