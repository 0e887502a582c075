"""Reads the trees of a `model.onnx`, or refuses a form that `convert` does not write.

    features [N, 10] -> TreeEnsembleRegressor (ai.onnx.ml) -> Squeeze -> margin [N]
    margin -> Neg -> Min 88.7 -> Exp -> Add 1 -> Reciprocal -> probability [N]

Nothing is guessed: an unexpected attribute, operator or graph could mean other answers, and ONNX Runtime, which
supports them all, can score such a model.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from fraud.features import FEATURE_COUNT
from fraud.forest import Forest, Tree
from serve.engine.errors import ForestRefusedError

OPERATORS: Final = ("TreeEnsembleRegressor", "Squeeze", "Neg", "Min", "Exp", "Add", "Reciprocal")

CONSTANTS: Final[dict[str, np.int64 | np.float32]] = {
    "Squeeze": np.int64(1),
    "Min": np.float32(88.7),
    "Add": np.float32(1),
}
"""Second input of an operator."""

FIXED_ATTRIBUTES: Final = {"n_targets": 1, "aggregate_function": b"SUM", "post_transform": b"NONE"}

ARRAYS: Final = (
    *("nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_values", "nodes_modes", "nodes_truenodeids"),
    *("nodes_falsenodeids", "nodes_missing_value_tracks_true"),
    *("target_treeids", "target_nodeids", "target_ids", "target_weights"),
)

Attributes = dict[str, Any]


def read_forest(model: bytes) -> Forest:
    """The trees of the model.

    Raises:
        ForestRefusedError: the model has a form that only ONNX Runtime supports.
    """
    try:
        graph = onnx.load_model_from_string(model).graph
    except DecodeError as error:
        raise ForestRefusedError("the file is not an ONNX model") from error
    return Forest(tuple(_trees(_attributes(_check_graph(graph)))))


def _check_graph(graph: onnx.GraphProto) -> onnx.NodeProto:
    """The operator with the trees, at the head of the only supported chain."""
    found = tuple(node.op_type for node in graph.node)
    if found != OPERATORS:
        raise ForestRefusedError(f"operators are {', '.join(found)}; expected {', '.join(OPERATORS)}")
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    value = graph.input[0].name
    for node in graph.node:
        expected = CONSTANTS.get(node.op_type)
        wired = len(node.input) == (1 if expected is None else 2) and len(node.output) == 1 and node.input[0] == value
        if not wired:
            raise ForestRefusedError(f"the input of {node.op_type} is not the operator before it")
        if expected is not None and not _is(constants.get(node.input[1]), expected):
            raise ForestRefusedError(f"{node.op_type} has a constant other than {expected}")
        if node.op_type != OPERATORS[0] and (node.attribute or node.domain):
            raise ForestRefusedError(f"{node.op_type} has attributes or a domain; expected none")
        value = node.output[0]
    if len(graph.input) != 1 or [tensor.name for tensor in graph.output] != [value]:
        raise ForestRefusedError(f"inputs or outputs are not the ends of the chain: {len(graph.output)} outputs")
    return graph.node[0]


def _is(found: NDArray[Any] | None, expected: np.int64 | np.float32) -> bool:
    return found is not None and found.dtype == expected.dtype and found.size == 1 and found.item() == expected.item()


def _attributes(node: onnx.NodeProto) -> Attributes:
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    if node.domain != "ai.onnx.ml":
        raise ForestRefusedError(f"the trees' operator has domain {node.domain!r}; expected ai.onnx.ml")
    for name, expected in FIXED_ATTRIBUTES.items():
        if attributes.pop(name, expected) != expected:
            raise ForestRefusedError(f"{name} is not {expected!r}")
    if set(attributes) != set(ARRAYS):
        differing = ", ".join(sorted(set(attributes) ^ set(ARRAYS)))
        raise ForestRefusedError(f"attributes {differing} are unknown or missing")
    arrays = {name: np.asarray(values) for name, values in attributes.items()}
    nodes, targets = len(arrays["nodes_treeids"]), len(arrays["target_treeids"])
    for name, values in arrays.items():
        if values.shape != (nodes if name.startswith("nodes_") else targets,):
            raise ForestRefusedError(f"{name} has {values.size} entries")
    if not nodes:
        raise ForestRefusedError("there are no trees")
    if np.any(arrays["target_ids"] != 0):
        raise ForestRefusedError("there is more than one target")
    return arrays


def _trees(arrays: Attributes) -> Iterator[Tree]:
    weights = _leaf_weights(arrays)
    modes = arrays["nodes_modes"]
    leaf = modes == b"LEAF"
    if np.any(~leaf & (modes != b"BRANCH_LT")):
        other = ", ".join(sorted({str(mode) for mode in modes[~leaf].tolist()}))
        raise ForestRefusedError(f"modes are {other}; expected BRANCH_LT and LEAF")
    tree_ids = arrays["nodes_treeids"]
    starts = np.flatnonzero(np.diff(tree_ids, prepend=tree_ids[0] - 1))
    if len(np.unique(tree_ids)) != len(starts):
        raise ForestRefusedError("the nodes of a tree are not contiguous")
    for start, stop in zip(starts, [*starts[1:], len(tree_ids)], strict=True):
        part = slice(start, stop)
        tree = Tree(
            feature=arrays["nodes_featureids"][part].astype(np.int64),
            threshold=arrays["nodes_values"][part].astype(np.float32),
            left=np.where(leaf[part], -1, arrays["nodes_truenodeids"][part]),
            right=np.where(leaf[part], -1, arrays["nodes_falsenodeids"][part]),
            missing_left=arrays["nodes_missing_value_tracks_true"][part] != 0,
            value=weights[part],
        )
        _check_tree(tree, arrays["nodes_nodeids"][part])
        yield tree


def _leaf_weights(arrays: Attributes) -> NDArray[np.float32]:
    """The leaf value of each node of the file, [nodes]; 0 for splits."""
    place = {
        key: index
        for index, key in enumerate(
            zip(arrays["nodes_treeids"].tolist(), arrays["nodes_nodeids"].tolist(), strict=True)
        )
    }
    if len(place) != len(arrays["nodes_modes"]):
        raise ForestRefusedError("two nodes of a tree have the same number")
    targets = list(zip(arrays["target_treeids"].tolist(), arrays["target_nodeids"].tolist(), strict=True))
    leaves = {key for key, index in place.items() if arrays["nodes_modes"][index] == b"LEAF"}
    if len(targets) != len(leaves) or set(targets) != leaves:
        raise ForestRefusedError("a leaf has no weight, or two, or a split has one")
    weights = np.zeros(len(place), dtype=np.float32)
    weights[[place[key] for key in targets]] = arrays["target_weights"]
    if not np.isfinite(weights).all():
        raise ForestRefusedError("a leaf's weight is not a finite number")
    return weights


def _check_tree(tree: Tree, node_ids: NDArray[np.int64]) -> None:
    count = len(node_ids)
    if not np.array_equal(node_ids, np.arange(count)):
        raise ForestRefusedError("nodes are not numbered in order")
    splits = tree.splits
    children = np.concatenate([tree.left[splits], tree.right[splits]])
    # If every node except the root has one parent, which comes before it, it is a tree.
    if not np.array_equal(np.sort(children), np.arange(1, count)) or np.any(children <= np.tile(splits, 2)):
        raise ForestRefusedError("nodes do not form a tree with parents before their children")
    if np.any((tree.feature[splits] < 0) | (tree.feature[splits] >= FEATURE_COUNT)):
        raise ForestRefusedError(f"a split tests a feature outside 0..{FEATURE_COUNT - 1}")
    # NaN is below no threshold. No number is below -inf either, but a missing value could be sent there.
    if np.any(~(tree.threshold[splits] > -np.inf)):
        raise ForestRefusedError("a threshold is NaN or minus infinity")
