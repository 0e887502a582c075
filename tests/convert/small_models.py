"""Small real models, the rows they are trained on, and ways to bend them."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from xgboost import XGBClassifier

from convert.conversion import Conversion, convert
from serve.engine.onnx_kernel import open_session

Matrix = NDArray[np.float32]

ENOUGH_ROWS = 500


def applications(count: int, *, seed: int = 0, missing: float = 0.05) -> Matrix:
    """Rows with the scales, ties and gaps of real applications."""
    generator = np.random.default_rng(seed)
    employed = generator.integers(0, 15_000, count)
    columns = [
        generator.lognormal(9.6, 0.5, count),
        generator.uniform(2_000, 25_000, count),
        generator.lognormal(7.5, 0.4, count),
        generator.integers(7_500, 25_000, count),
        np.where(generator.random(count) < 0.2, 365_243, employed),
        generator.integers(0, 20_000, count),
        generator.integers(0, 7_000, count),
        generator.integers(0, 4_000, count),
        generator.integers(0, 10, count),
        generator.choice([3285, 4380, 5110, 5840, 6570], count),
    ]
    rows = np.column_stack(columns).astype(np.float32)
    rows[generator.random(rows.shape) < missing] = np.nan
    return rows


def divorces(rows: Matrix, *, seed: int = 0) -> NDArray[np.int64]:
    """Labels that depend on age and credit enquiries."""
    generator = np.random.default_rng(seed)
    log_odds = -1.5 + 1.5 * (rows[:, 3] < 11_000) + 0.1 * np.nan_to_num(rows[:, 8])
    return (generator.random(len(rows)) < 1 / (1 + np.exp(-log_odds))).astype(np.int64)


def fit(*, missing_share: float = 0.05, **parameters: Any) -> XGBClassifier:
    """A classifier trained on 1,000 applications."""
    rows = applications(1_000, missing=missing_share)
    return XGBClassifier(**{"n_estimators": 5, "max_depth": 3, "n_jobs": 1} | parameters).fit(rows, divorces(rows))


@cache
def plain() -> XGBClassifier:
    """A classifier without anything special, not to be changed."""
    return fit()


def edited(model: XGBClassifier, edit: Callable[[dict[str, Any]], None]) -> XGBClassifier:
    """A copy of the model whose document (the `learner` object) went through `edit`."""
    document = json.loads(model.get_booster().save_raw("json"))
    edit(document["learner"])
    copy = XGBClassifier(n_jobs=1)
    copy.load_model(bytearray(json.dumps(document).encode()))
    return copy


def trees_of(learner: dict[str, Any]) -> list[dict[str, Any]]:
    return learner["gradient_booster"]["model"]["trees"]  # type: ignore[no-any-return]


def single_leaf(tree: dict[str, Any], value: float) -> None:
    """Make the tree a single leaf."""
    tree |= {
        "left_children": [-1],
        "right_children": [-1],
        "parents": [2147483647],
        "split_conditions": [value],
        **{field: [0] for field in ("default_left", "split_indices", "split_type")},
        **{field: [0.0] for field in ("base_weights", "loss_changes", "sum_hessian")},
    }
    tree["tree_param"] |= {"num_nodes": "1", "num_deleted": "0"}


def convert_small(model: Any) -> Conversion:
    return convert(model, applications(ENOUGH_ROWS, seed=1), minimum_rows=ENOUGH_ROWS)


def exported_margin(model: bytes, rows: Matrix) -> Matrix:
    """The margin inside the exported graph."""
    graph = onnx.load_model_from_string(model)
    graph.graph.output.append(onnx.helper.make_tensor_value_info("margin", onnx.TensorProto.FLOAT, ["rows"]))
    return open_session(graph.SerializeToString()).run(["margin"], {"features": rows})[0]  # type: ignore[no-any-return]
