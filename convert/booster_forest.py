"""The trees of a booster, read from its JSON document.

Source of the document's form: XGBoost, "Introduction to Model IO" and its JSON schema (doc/model.schema). A leaf is a
node without children whose `split_conditions` entry is the leaf's value; the test of a split is `x < threshold`.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xgboost import Booster

from convert.preconditions import trees
from convert.source import Source
from fraud.features import FEATURE_COUNT
from fraud.forest import Forest, Tree


def read_forest(source: Source) -> Forest:
    """The forest of a model that passed `preconditions.check`: its base margin as a leaf, then the booster's trees."""
    return Forest((_leaf(_base_margin(source)), *(_read_tree(tree) for tree in trees(source))))


def read_covers(source: Source) -> tuple[NDArray[np.float64], ...]:
    """For each tree of `read_forest` the cover of its nodes: the sum of the second derivatives of the training rows
    that reached them, by which contributions weigh both ways of a split."""
    return (
        np.ones(1),
        *(np.array([tree["sum_hessian"][node] for node in _reached(tree)], dtype=np.float64) for tree in trees(source)),
    )


def _leaf(value: np.float32) -> Tree:
    zero, none = np.zeros(1, dtype=np.int64), np.full(1, -1, dtype=np.int64)
    return Tree(zero, np.zeros(1, dtype=np.float32), none, none, np.zeros(1, dtype=np.bool_), np.array([value]))


def _read_tree(document: dict[str, Any]) -> Tree:
    left, right, order = document["left_children"], document["right_children"], _reached(document)
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


def _reached(document: dict[str, Any]) -> list[int]:
    """The nodes that are read, in their new order: pruned ones stay in the document, but the root reaches them not."""
    left, right = document["left_children"], document["right_children"]
    order, pending = [], [0]
    while pending:
        node = pending.pop()
        order.append(node)
        if left[node] >= 0:
            pending += [right[node], left[node]]
    return order


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
