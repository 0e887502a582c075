"""A forest with covers -> its tables of contributions, in bounded memory.

A tree is one table where that fits. Deeper trees have more cells than memory has room for (at depth 6 some millions),
so the leaves of one are shared among several tables: down to one a leaf, which has a cell for each pattern of met
conditions (Yang 2021, "Fast TreeSHAP", version 2). Fewer tables are quicker, as long as caches hold them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from convert.contributions.cells import LeafGroup, group
from convert.contributions.leaf_paths import Grid, LeafPath, grid_of, leaf_paths
from convert.errors import ConversionError
from fraud.forest import Forest, Tree
from serve.engine.contributions.tables import NOT_A_THRESHOLD, ContributionTables

PREFERRED_BYTES: Final = 4 << 20
"""Above it fewer tables took no less time: what a core's caches don't hold is waited for."""
MOST_BYTES: Final = 256 << 20

MOST_CELLS: Final = tuple(1 << power for power in range(17, 3, -1))
"""Of one table, but for a leaf's own, which can't be less."""

VALUE_BYTES: Final = 4


class NoTablesError(ConversionError):
    """There are no tables of contributions of this model."""


def fill(forest: Forest, covers: Sequence[NDArray[np.float64]]) -> ContributionTables:
    """The tables of a forest; `covers` are of the nodes of each tree.

    Raises:
        NoTablesError: a node's cover is not a positive number, or the tables would take more than `MOST_BYTES`.
    """
    grown = [(tree, cover) for tree, cover in zip(forest.trees, covers, strict=True) if len(tree.splits)]
    if not all(np.all((cover > 0) & (cover < np.inf)) for _, cover in grown):
        raise NoTablesError("a node of the booster has no cover (number of training rows that reached it)")
    grid = grid_of(forest)
    trees = [_CutTree(tree, leaf_paths(tree, cover, grid)) for tree, cover in grown]
    leaves = sum(float(tree.value[0]) for tree in forest.trees if not len(tree.splits))
    return _assemble(leaves + sum(tree.expected for tree in trees), grid, _cut(trees, grid))


class _CutTree:
    """A tree whose leaves are shared among groups."""

    def __init__(self, tree: Tree, paths: Sequence[tuple[LeafPath, ...]]) -> None:
        self._tree = tree
        self._paths = paths
        self._groups: dict[int, LeafGroup] = {}

    @property
    def expected(self) -> float:
        """Mean of the leaves, by cover."""
        return sum(path.value * math.prod(one.share for one in path.conditions.values()) for path in self._paths[0])

    def groups(self, most_cells: int, node: int = 0) -> Iterator[LeafGroup]:
        """The largest subtrees that have so few cells, and single leaves."""
        if node not in self._groups:
            self._groups[node] = group(self._paths[node])
        left, right = int(self._tree.left[node]), int(self._tree.right[node])
        if left < 0 or self._groups[node].cells <= most_cells:
            yield self._groups[node]
        else:
            yield from self.groups(most_cells, left)
            yield from self.groups(most_cells, right)


def _cut(trees: Sequence[_CutTree], grid: Grid) -> list[LeafGroup]:
    """The fewest groups that fit into `PREFERRED_BYTES`; where none do, those that take the least.

    Raises:
        NoTablesError: they take more than `MOST_BYTES`.
    """
    intervals = sum(len(thresholds) + NOT_A_THRESHOLD for thresholds in grid)
    smallest, least = None, MOST_BYTES
    for most_cells in MOST_CELLS:
        groups = [found for tree in trees for found in tree.groups(most_cells)]
        size = VALUE_BYTES * sum(found.size + intervals for found in groups)
        if size <= PREFERRED_BYTES:
            return groups
        if size <= least:
            smallest, least = groups, size
    if smallest is None:
        raise NoTablesError(f"tables of contributions would take more than {MOST_BYTES >> 20} MiB")
    return smallest


def _assemble(base: float, grid: Grid, groups: Sequence[LeafGroup]) -> ContributionTables:
    first = np.cumsum([0, *(len(thresholds) + NOT_A_THRESHOLD for thresholds in grid)])
    offsets = np.zeros((first[-1], len(groups)), dtype=np.int32)
    for table, found in enumerate(groups):
        for column, added in found.offsets().items():
            offsets[first[column] : first[column + 1], table] = added
    values = [found.values().astype(np.float32) for found in groups]
    columns = [np.array(list(found.classes), dtype=np.int32) for found in groups]
    return ContributionTables(
        base=base,
        thresholds=np.concatenate(grid),
        threshold_starts=_starts(grid),
        offsets=offsets,
        starts=_starts(values),
        columns=np.concatenate([np.empty(0, dtype=np.int32), *columns]),
        column_starts=_starts(columns),
        values=np.concatenate([np.empty(0, dtype=np.float32), *values]),
    )


def _starts(parts: Sequence[NDArray[Any]]) -> NDArray[np.int32]:
    return np.cumsum([0, *(len(part) for part in parts)], dtype=np.int32)
