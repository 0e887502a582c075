"""A forest -> an ONNX model whose margins are XGBoost's bit for bit.

    features [N, 10] -> TreeEnsembleRegressor (ai.onnx.ml 3) -> Squeeze -> margin [N]
    margin -> Neg -> Min 88.7 -> Exp -> Add 1 -> Reciprocal -> probability [N]

- The base margin stays the first tree, a single leaf: ONNX Runtime adds `base_values` last, XGBoost starts with the
  base margin, and float32 sums depend on the order.
- The sigmoid is spelled out as XGBoost computes it: the Sigmoid operator is a rational approximation, 13% wrong at one
  in a million and worse below. Min is XGBoost's own clamp (`common::Sigmoid`, src/common/math.h): below a margin of
  -88.7 its probabilities stay at 3.0e-39, where exp would overflow and the probability be 0.
- There is no label output: ONNX Runtime's classifier compares margins with 0.5 where all leaves are positive.

Written from the booster's document and not by onnxmltools 1.16: that one computes the base margin by formula and gets
some models wrong without a word (a first tree of one leaf of 0, a continued training, the raw booster of an early
stop). The document's trees need no correction, and the tests use onnxmltools as an independent cross-check.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper
from xgboost import __version__ as xgboost_version

from fraud.features import FEATURE_COUNT, FEATURE_NAMES, NAMES_KEY
from fraud.forest import Forest, Tree

INPUT: Final = "features"
MARGIN: Final = "margin"
OUTPUT: Final = "probability"
ROWS: Final = "rows"
"""Name of the free dimension."""

PRODUCER: Final = "marriage-loan-scoring"

LARGEST_EXPONENT: Final = np.float32(88.7)
"""XGBoost's clamp in exp(-margin): exp(88.73) is beyond float32."""

# The oldest versions that have every operator in this form, for the widest choice of runtimes.
OPSET: Final = 17
ML_OPSET: Final = 3
IR_VERSION: Final = 8


def export(forest: Forest) -> onnx.ModelProto:
    """The model of a forest; the same forest makes the same bytes."""
    graph = helper.make_graph(
        [
            _ensemble(forest.trees),
            helper.make_node("Squeeze", ["margins", "column"], [MARGIN]),
            helper.make_node("Neg", [MARGIN], ["negated"]),
            helper.make_node("Min", ["negated", "largest_exponent"], ["exponent"]),
            helper.make_node("Exp", ["exponent"], ["odds_against"]),
            helper.make_node("Add", ["odds_against", "one"], ["inverse"]),
            helper.make_node("Reciprocal", ["inverse"], [OUTPUT]),
        ],
        "divorce",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [ROWS, FEATURE_COUNT])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [ROWS])],
        [
            helper.make_tensor("column", TensorProto.INT64, [1], [1]),
            helper.make_tensor("largest_exponent", TensorProto.FLOAT, [], [float(LARGEST_EXPONENT)]),
            helper.make_tensor("one", TensorProto.FLOAT, [], [1.0]),
        ],
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)],
        ir_version=IR_VERSION,
        producer_name=PRODUCER,
    )
    helper.set_model_props(
        model,
        {
            NAMES_KEY: json.dumps(FEATURE_NAMES),
            "producer": PRODUCER,
            "xgboost_version": xgboost_version,
            "trees": str(len(forest.trees) - 1),
        },
    )
    onnx.checker.check_model(model)
    return model


def to_bytes(model: onnx.ModelProto) -> bytes:
    """The bytes to be registered."""
    return bytes(model.SerializeToString(deterministic=True))


def _ensemble(trees: Sequence[Tree]) -> onnx.NodeProto:
    nodes = np.concatenate([np.arange(len(tree.left)) for tree in trees])
    tree_of_node = np.repeat(np.arange(len(trees)), [len(tree.left) for tree in trees])
    left, right = (np.concatenate([getattr(tree, side) for tree in trees]) for side in ("left", "right"))
    leaf = left < 0
    return helper.make_node(
        "TreeEnsembleRegressor",
        [INPUT],
        ["margins"],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function="SUM",
        post_transform="NONE",
        nodes_treeids=tree_of_node.tolist(),
        nodes_nodeids=nodes.tolist(),
        nodes_featureids=np.concatenate([tree.feature for tree in trees]).tolist(),
        nodes_values=np.concatenate([tree.threshold for tree in trees]).tolist(),
        nodes_modes=np.where(leaf, "LEAF", "BRANCH_LT").tolist(),
        nodes_truenodeids=np.where(leaf, 0, left).tolist(),
        nodes_falsenodeids=np.where(leaf, 0, right).tolist(),
        nodes_missing_value_tracks_true=np.concatenate([tree.missing_left for tree in trees]).astype(int).tolist(),
        target_treeids=tree_of_node[leaf].tolist(),
        target_nodeids=nodes[leaf].tolist(),
        target_ids=[0] * int(leaf.sum()),
        target_weights=np.concatenate([tree.value for tree in trees])[leaf].tolist(),
    )
