"""A model of another form than `convert` writes is left to ONNX Runtime, with the reason in the log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from serve.engine import EngineKind, EngineOptions, load, read_model
from serve.engine.errors import ForestRefusedError, ForestUnavailableError
from serve.engine.onnx_forest import read_forest
from tests.convert.small_models import applications, convert_small, plain

MODEL = convert_small(plain()).model
ROWS = applications(300, seed=3)

Edit = Callable[[onnx.ModelProto], None]


def trees(model: onnx.ModelProto) -> onnx.NodeProto:
    return model.graph.node[0]


def setting(name: str, change: Callable[[Any], Any]) -> Edit:
    """Replace an attribute of the trees by what `change` makes of it."""

    def edit(model: onnx.ModelProto) -> None:
        node = trees(model)
        found = next((attribute for attribute in node.attribute if attribute.name == name), None)
        value = change(None if found is None else helper.get_attribute_value(found))
        if found is not None:
            node.attribute.remove(found)
        node.attribute.append(helper.make_attribute(name, value))

    return edit


def at(place: int, value: Any) -> Callable[[Any], Any]:
    return lambda values: [*values[:place], value, *values[place:][1:]]


def without(name: str) -> Edit:
    def edit(model: onnx.ModelProto) -> None:
        node = trees(model)
        node.attribute.remove(next(attribute for attribute in node.attribute if attribute.name == name))

    return edit


def constant(name: str, value: float) -> Edit:
    def edit(model: onnx.ModelProto) -> None:
        tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
        tensor.CopyFrom(onnx.numpy_helper.from_array(np.array(value, dtype=np.float32), name))

    return edit


def replace_sigmoid(model: onnx.ModelProto) -> None:
    del model.graph.node[2:]
    model.graph.node.append(helper.make_node("Sigmoid", ["margin"], ["probability"]))


def rewire(model: onnx.ModelProto) -> None:
    model.graph.node[4].input[0] = "margin"


def swap_axis(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(np.array([-1]), "column"))


def second_output(model: onnx.ModelProto) -> None:
    model.graph.output.append(helper.make_tensor_value_info("margin", TensorProto.FLOAT, ["rows"]))


def swap_trees(model: onnx.ModelProto) -> None:
    """Move a tree's last leaf behind the next tree, with everything that belongs to it."""
    ids = list(next(attribute for attribute in trees(model).attribute if attribute.name == "nodes_treeids").ints)
    last = ids.index(2) - 1
    order = [*range(last), *range(last + 1, len(ids)), last]
    for name in [attribute.name for attribute in trees(model).attribute if attribute.name.startswith("nodes_")]:
        setting(name, lambda values: [values[place] for place in order])(model)


# Node 0 of the file is the base margin's leaf, node 1 the root of the first tree.
REFUSED = [
    pytest.param(replace_sigmoid, "operators are", id="another sigmoid"),
    pytest.param(rewire, "the input of Exp is not", id="wired otherwise"),
    pytest.param(constant("largest_exponent", 80.0), "Min has a constant other", id="another clamp"),
    pytest.param(constant("one", 2.0), "Add has a constant other", id="another sum"),
    pytest.param(swap_axis, "Squeeze has a constant other", id="another axis"),
    pytest.param(second_output, "ends of the chain", id="two outputs"),
    pytest.param(setting("aggregate_function", lambda _: "AVERAGE"), "aggregate_function", id="the average of trees"),
    pytest.param(setting("post_transform", lambda _: "LOGISTIC"), "post_transform", id="a transformation of sums"),
    pytest.param(setting("n_targets", lambda _: 2), "n_targets", id="two targets"),
    pytest.param(setting("target_ids", at(0, 1)), "more than one target", id="another target"),
    pytest.param(setting("base_values", lambda _: [0.5]), "base_values", id="base values, which are added last"),
    pytest.param(setting("nodes_modes", at(1, "BRANCH_LEQ")), "BRANCH_LEQ", id="another comparison"),
    pytest.param(setting("nodes_featureids", at(1, 10)), "feature outside", id="an eleventh feature"),
    pytest.param(setting("nodes_values", at(1, float("nan"))), "NaN or minus", id="a threshold of NaN"),
    pytest.param(setting("nodes_values", at(1, float("-inf"))), "NaN or minus", id="a threshold of -inf"),
    pytest.param(setting("target_weights", at(1, float("inf"))), "not a finite number", id="an infinite leaf"),
    pytest.param(setting("target_nodeids", at(1, 0)), "no weight, or two", id="a split with a weight"),
    pytest.param(setting("nodes_truenodeids", at(1, 0)), "do not form a tree", id="a circle"),
    pytest.param(setting("nodes_treeids", at(1, 99)), "do not form a tree", id="a split of another tree"),
    pytest.param(setting("nodes_treeids", at(2, 5)), "the same number", id="two nodes of one number"),
    pytest.param(swap_trees, "not contiguous", id="a tree in two places"),
    pytest.param(setting("nodes_nodeids", at(1, 77)), "not numbered", id="another order of nodes"),
    pytest.param(setting("nodes_hitrates", lambda _: [1.0]), "nodes_hitrates", id="an unknown attribute"),
    pytest.param(without("nodes_missing_value_tracks_true"), "missing_value", id="nothing said of missing values"),
]


def edited(edit: Edit) -> bytes:
    model = onnx.load_model_from_string(MODEL)
    edit(model)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(("edit", "reason"), REFUSED)
def test_another_form_is_refused(edit: Edit, reason: str) -> None:
    with pytest.raises(ForestRefusedError, match=reason):
        read_forest(edited(edit))


def test_a_malformed_model_is_refused() -> None:
    with pytest.raises(ForestRefusedError, match="not an ONNX model"):
        read_forest(b"\xff\xff\xff")


def test_onnx_runtime_takes_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(edited(replace_sigmoid))
    with caplog.at_level(logging.WARNING):
        engine = load(read_model(path), EngineOptions(kind=EngineKind.AUTO))
    assert engine.name == "onnxruntime"
    assert "the forest kernel can't" in caplog.text
    expected = plain().predict_proba(ROWS)[:, 1]
    np.testing.assert_allclose(engine.score(ROWS), expected, rtol=1e-3)
    with pytest.raises(ForestUnavailableError, match="choose the engine auto or onnxruntime") as refusal:
        load(read_model(path), EngineOptions(kind=EngineKind.FOREST))
    assert str(path) in str(refusal.value)


def test_the_unchanged_model_is_read() -> None:
    forest = read_forest(edited(lambda _: None))
    assert len(forest.trees) == 1 + 5
    assert forest.trees[0].heights().tolist() == [0]
