"""Converts a forest to a table of nodes, for walking rows down the trees one at a time.

Fast for few rows: only the nodes on a row's path are read, while a block costs as much for 1 row as for 64. It is also
the only way for trees that are too deep for `bit_program`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.features import FEATURE_COUNT
from fraud.forest import Forest, Tree

NODE_FIELDS: Final = 4
"""Column of the row, threshold, index of the left child (the right one follows it), leaf value: 16 bytes for each node.
"""

LEAF_COLUMN: Final = 2 * FEATURE_COUNT
"""A column that is -inf in every row: a leaf's test always passes, and points back to the leaf itself."""

ROW_COLUMNS: Final = LEAF_COLUMN + 1
"""The features, the features with -inf for NaN (see `bit_program`), and the leaves' column."""

ROOT_FIELDS: Final = 2
"""Index of the root, depth of the tree."""


@dataclass(frozen=True, slots=True)
class NodeTable:
    """`nodes` is [n * 4], thresholds and leaf values as the bits of their float32; `roots` is [trees * 2]."""

    nodes: NDArray[np.int32]
    roots: NDArray[np.int32]


def tabulate(forest: Forest) -> NodeTable:
    """Renumber the nodes, level by level, so that siblings are beside each other."""
    parts, roots, first = [], [], 0
    for tree in forest.trees:
        part = _tabulate_tree(tree, first)
        parts.append(part)
        roots += [first, int(tree.heights()[0])]
        first += len(part)
    return NodeTable(np.concatenate(parts).ravel(), np.array(roots, dtype=np.int32))


def _tabulate_tree(tree: Tree, first: int) -> NDArray[np.int32]:
    order = [0]
    # Grows while it is walked: the children of each node are appended.
    for node in order:
        if tree.left[node] >= 0:
            order += [int(tree.left[node]), int(tree.right[node])]
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    leaf = tree.left[order] < 0
    table = np.empty((len(order), NODE_FIELDS), dtype=np.int32)
    table[:, 0] = np.where(leaf, LEAF_COLUMN, tree.feature[order] + FEATURE_COUNT * tree.missing_left[order])
    table[:, 1] = np.where(leaf, np.float32(np.inf), tree.threshold[order]).astype(np.float32).view(np.int32)
    table[:, 2] = first + np.where(leaf, place[order], place[tree.left[order]])
    table[:, 3] = tree.value[order].view(np.int32)
    return table
