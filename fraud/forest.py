"""A forest as arrays: what a booster's document and an ONNX file are both read into."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree of n nodes, node 0 its root, parents before their children; all arrays are [n].

    A split sends a row to `left` where x[feature] < threshold, or where the value is missing and `missing_left`;
    else to `right`. A leaf has -1 in `left` and `right`, and its `value` in log-odds; a split's value is 0.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float32]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    missing_left: NDArray[np.bool_]
    value: NDArray[np.float32]

    @property
    def splits(self) -> NDArray[np.int64]:
        """Indices of the nodes that are splits."""
        return np.flatnonzero(self.left >= 0)

    def heights(self) -> NDArray[np.int64]:
        """Splits on the longest way from each node to a leaf, [n]."""
        heights = np.zeros(len(self.left), dtype=np.int64)
        for node in self.splits[::-1]:
            heights[node] = 1 + max(heights[self.left[node]], heights[self.right[node]])
        return heights


@dataclass(frozen=True, slots=True)
class Forest:
    """A row's log-odds are the leaves it reaches, added as float32 to 0.0 in the order of `trees`.

    The log-odds that a booster starts from are the first tree, a single leaf.
    """

    trees: tuple[Tree, ...]
