"""Some leaves of one tree and the cells of rows to which they contribute the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.contributions.leaf_paths import LeafPath
from convert.contributions.shapley import pattern_effects


@dataclass(frozen=True, slots=True)
class Classes:
    """The intervals of a feature in which the same conditions are met make one class."""

    of_interval: NDArray[np.int64]
    interval: NDArray[np.int64]
    """One of each class."""


@dataclass(frozen=True, slots=True)
class LeafGroup:
    """Leaves with the classes of every feature on their paths, in the order of the features."""

    paths: tuple[LeafPath, ...]
    classes: dict[int, Classes]

    @property
    def cells(self) -> int:
        """Combinations of classes."""
        return math.prod(self._shape)

    @property
    def size(self) -> int:
        """Values of the group's table."""
        return self.cells * len(self.classes)

    @property
    def _shape(self) -> tuple[int, ...]:
        return tuple(len(classes.interval) for classes in self.classes.values())

    def offsets(self) -> dict[int, NDArray[np.int64]]:
        """For each feature what its intervals add to the place of a cell in the table."""
        strides = len(self.classes) * np.cumprod((1, *self._shape[:0:-1]))[::-1]
        return {
            column: classes.of_interval * stride
            for (column, classes), stride in zip(self.classes.items(), strides, strict=True)
        }

    def values(self) -> NDArray[np.float64]:
        """The contributions in each cell to each feature, cell after cell, [size]."""
        table = np.zeros((*self._shape, len(self.classes)))
        for path in self.paths:
            shares = np.array([condition.share for condition in path.conditions.values()])
            effects = pattern_effects(path.value, shares)
            axes = [axis for axis, column in enumerate(self.classes) if column in path.conditions]
            by_column = [list(path.conditions).index(column) for column in self.classes if column in path.conditions]
            table[..., axes] += effects[:, by_column][self._patterns(path)]
        return table.ravel()

    def _patterns(self, path: LeafPath) -> NDArray[np.int64]:
        """The number of the pattern of conditions that each cell meets."""
        patterns = np.zeros(self._shape, dtype=np.int64)
        columns = list(self.classes)
        for bit, (column, condition) in enumerate(path.conditions.items()):
            met = condition.met[self.classes[column].interval].astype(np.int64)
            axis = columns.index(column)
            patterns += (met << bit).reshape([-1 if place == axis else 1 for place in range(len(columns))])
        return patterns


def group(paths: Sequence[LeafPath]) -> LeafGroup:
    """The group of these leaves."""
    columns = sorted(set().union(*(path.conditions for path in paths)))
    return LeafGroup(tuple(paths), {column: _classes(paths, column) for column in columns})


def _classes(paths: Sequence[LeafPath], column: int) -> Classes:
    met = np.stack([path.conditions[column].met for path in paths if column in path.conditions], axis=1)
    packed = np.packbits(met, axis=1)
    # Rows of bytes compared as a whole.
    keys = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, interval, of_interval = np.unique(keys, return_index=True, return_inverse=True)
    return Classes(of_interval.ravel(), interval)
