"""The trees of a booster as arrays, read from the booster's JSON document.

Source of the document's form: XGBoost, "Introduction to Model IO" and its JSON schema (doc/model.schema). A leaf is a
node without children whose `split_conditions` entry is the leaf's value; the test of a split is `x < threshold`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xgboost import Booster

from convert.preconditions import trees
from convert.source import Source, Vector
from fraud.features import FEATURE_COUNT


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree of n nodes, parents before their children; all arrays are [n].

    A split sends a row to `left` where x[feature] < threshold, or where the value is missing and `missing_left`;
    else to `right`. A leaf has -1 in `left` and `right`, and its `value` in log-odds; a split's value is 0.
    """

    feature: NDArray[np.int64]
    threshold: Vector
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    missing_left: NDArray[np.bool_]
    value: Vector

    @property
    def splits(self) -> NDArray[np.int64]:
        """Indices of the nodes that are splits."""
        return np.flatnonzero(self.left >= 0)


@dataclass(frozen=True, slots=True)
class Forest:
    """A row's log-odds are `base_margin` plus the leaves it reaches, added as float32 in the order of `trees`."""

    base_margin: np.float32
    trees: tuple[Tree, ...]


def read_forest(source: Source) -> Forest:
    """The forest of a model that passed `preconditions.check`."""
    return Forest(_base_margin(source), tuple(_read_tree(tree) for tree in trees(source)))


def _read_tree(document: dict[str, Any]) -> Tree:
    # Pruned nodes stay in the document, so only what the root reaches is read, and renumbered.
    left, right = document["left_children"], document["right_children"]
    order, pending = [], [0]
    while pending:
        node = pending.pop()
        order.append(node)
        if left[node] >= 0:
            pending += [right[node], left[node]]
    place = {node: position for position, node in enumerate(order)}
    place[-1] = -1
    children = np.array([left[node] for node in order])
    condition = np.array([document["split_conditions"][node] for node in order], dtype=np.float32)
    leaf = children < 0
    return Tree(
        feature=np.array([document["split_indices"][node] for node in order], dtype=np.int64),
        threshold=np.where(leaf, np.float32(0), condition),
        left=np.array([place[left[node]] for node in order], dtype=np.int64),
        right=np.array([place[right[node]] for node in order], dtype=np.int64),
        missing_left=np.array([document["default_left"][node] for node in order], dtype=np.bool_),
        value=np.where(leaf, condition, np.float32(0)),
    )


def _base_margin(source: Source) -> np.float32:
    """Log-odds before the first tree, as XGBoost computes them from the base score that the booster holds now.

    XGBoost itself is asked: a copy of the model whose leaves are all -0.0 (the one number that changes no sum)
    predicts exactly this. The formula, -logf(1 / base_score - 1), would have to match its library's logf to the last
    bit (numpy's float32 log misses it by one on every sixth base score) and its clamps of base scores near 0 and 1.
    """
    document = json.loads(source.classifier.get_booster().save_raw("json"))
    for tree in document["learner"]["gradient_booster"]["model"]["trees"]:
        tree["split_conditions"] = [
            -0.0 if child < 0 else condition
            for child, condition in zip(tree["left_children"], tree["split_conditions"], strict=True)
        ]
    hollow = Booster()
    hollow.load_model(bytearray(json.dumps(document).encode()))
    rows = np.zeros((1, FEATURE_COUNT), dtype=np.float32)
    margin: np.float32 = hollow.inplace_predict(rows, predict_type="margin", validate_features=False)[0]
    return margin
