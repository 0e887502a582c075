"""Walks each row down the trees of a `NodeTable`. Source of compiled code: see `compilation`.

A walk waits for memory at every level, so several trees are walked at once; their leaves are added in tree order.
"""

# ruff: noqa: PLR0917 - compiled code takes arrays by position
from __future__ import annotations

from typing import Any, Final

import numpy as np

from fraud.features import FEATURE_COUNT
from serve.engine.bit_blocks import LOWEST, ZERO, probability_of
from serve.engine.jit import inlined
from serve.engine.node_table import LEAF_COLUMN, NODE_FIELDS

TREES_AT_ONCE: Final = 8


@inlined
def step(values: Any, nodes: Any, node_floats: Any, node: Any) -> Any:
    """From a node to its child, from a leaf to itself."""
    at = np.intp(node) * NODE_FIELDS
    # Not "at or above the threshold": NaN goes right.
    passes = values[nodes[at]] < node_floats[at + 1]
    return nodes[at + 2] + np.int32(not passes)


def score_rows(
    x: Any, out: Any, margins: Any, nodes: Any, node_floats: Any, roots: Any, values: Any, places: Any
) -> None:
    """Probabilities of the rows of `x` [n, 10] into `out` [n], or their margins.

    `node_floats` are the bits of `nodes` as float32. `values` float32 [21] and `places` int32 [8] are scratch of this
    call.
    """
    trees = roots.shape[0] // 2
    grouped = trees - trees % TREES_AT_ONCE
    values[LEAF_COLUMN] = LOWEST
    for row in range(x.shape[0]):
        for column in range(FEATURE_COUNT):
            value = x[row, column]
            values[column] = value
            values[column + FEATURE_COUNT] = LOWEST if np.isnan(value) else value
        total = ZERO
        for first in range(0, grouped, TREES_AT_ONCE):
            depth = np.int32(0)
            for tree in range(TREES_AT_ONCE):
                places[tree] = roots[2 * (first + tree)]
                depth = max(depth, roots[2 * (first + tree) + 1])
            for _ in range(depth):
                for tree in range(TREES_AT_ONCE):
                    places[tree] = step(values, nodes, node_floats, places[tree])
            for tree in range(TREES_AT_ONCE):
                total += node_floats[np.intp(places[tree]) * NODE_FIELDS + 3]
        for tree in range(grouped, trees):
            node = roots[2 * tree]
            for _ in range(roots[2 * tree + 1]):
                node = step(values, nodes, node_floats, node)
            total += node_floats[np.intp(node) * NODE_FIELDS + 3]
        out[row] = total if margins else probability_of(total)
