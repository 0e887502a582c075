"""A file that is not one of our models is refused, with its name and what was expected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from convert import convert
from fraud.errors import ProjectError
from fraud.features import FEATURE_NAMES, NAMES_KEY
from serve.engine import EngineOptions, ModelFile, load, load_checked, read_model
from serve.engine.errors import EngineError, ModelFormatError, ModelMissingError, ModelSignatureError
from tests.convert.small_models import applications, fit

FLOAT, DOUBLE = TensorProto.FLOAT, TensorProto.DOUBLE
Port = tuple[str, int, list[Any] | None]


def write_model(path: Path, inputs: list[Port], outputs: list[Port]) -> None:
    """A model that sums the columns of its first input once for each output."""
    nodes = []
    for name, kind, shape in outputs:
        keep = int(shape is not None and len(shape) == 2)
        nodes.append(helper.make_node("ReduceSum", [inputs[0][0], "axis"], [f"{name}.sum"], keepdims=keep))
        nodes.append(helper.make_node("Cast", [f"{name}.sum"], [name], to=kind))
    graph = helper.make_graph(
        nodes,
        "sums",
        [helper.make_tensor_value_info(*port) for port in inputs],
        [helper.make_tensor_value_info(*port) for port in outputs],
        [helper.make_tensor("axis", TensorProto.INT64, [1], [1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())


GOOD_IN: Port = ("features", FLOAT, ["n", 10])
GOOD_OUT: Port = ("probability", FLOAT, ["n"])


def test_the_right_signature_is_taken_whatever_the_names(tmp_path: Path) -> None:
    write_model(tmp_path / "model.onnx", [("rows", FLOAT, ["batch", 10])], [("p", FLOAT, ["batch"])])
    load(read_model(tmp_path / "model.onnx"), EngineOptions()).close()


@pytest.mark.parametrize(
    ("inputs", "outputs", "found"),
    [
        pytest.param([("features", DOUBLE, ["n", 10])], [GOOD_OUT], "double", id="float64 in"),
        pytest.param([("features", FLOAT, ["n", 9])], [GOOD_OUT], "9", id="nine features"),
        pytest.param([("features", FLOAT, [1, 10])], [("p", FLOAT, [1])], r"\[1, 10\]", id="batches of one only"),
        pytest.param([GOOD_IN, ("more", FLOAT, ["n"])], [GOOD_OUT], "more", id="two inputs"),
        pytest.param([GOOD_IN], [("p", DOUBLE, ["n"])], "double", id="float64 out"),
        pytest.param([GOOD_IN], [("p", FLOAT, ["n", 1])], r"'n', 1\]", id="a column out"),
        pytest.param([GOOD_IN], [("label", TensorProto.INT64, ["n"]), GOOD_OUT], "label", id="a label beside it"),
    ],
)
def test_another_signature_is_refused(tmp_path: Path, inputs: list[Port], outputs: list[Port], found: str) -> None:
    path = tmp_path / "model.onnx"
    write_model(path, inputs, outputs)
    with pytest.raises(ModelSignatureError, match=found) as refusal:
        load(read_model(path), EngineOptions())
    assert str(path) in str(refusal.value)
    assert "expected one input float32 [N, 10] and one output float32 [N]" in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "error", "expected"),
    [
        pytest.param(None, ModelMissingError, "expected a readable model file", id="no file"),
        pytest.param(b"", ModelFormatError, "expected an ONNX", id="empty"),
        pytest.param(b"PK\x03\x04 not a model", ModelFormatError, "expected an ONNX", id="another format"),
    ],
)
def test_a_file_that_is_no_model_is_refused(
    tmp_path: Path, content: bytes | None, error: type[EngineError], expected: str
) -> None:
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=expected) as refusal:
        load(read_model(path), EngineOptions())
    assert isinstance(refusal.value, ProjectError)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_truncated_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    write_model(path, [GOOD_IN], [GOOD_OUT])
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(ModelFormatError):
        load(read_model(path), EngineOptions())


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match="directory"):
        load(read_model(tmp_path), EngineOptions())


def test_a_model_of_other_feature_names_is_refused(tmp_path: Path) -> None:
    model = onnx.load_model_from_string(convert(fit(), applications(200), minimum_rows=200).model)
    names = [*FEATURE_NAMES[1:], FEATURE_NAMES[0]]
    for entry in model.metadata_props:
        if entry.key == NAMES_KEY:
            entry.value = json.dumps(names)
    file = ModelFile.of(tmp_path / "model.onnx", model.SerializeToString())
    with pytest.raises(ModelSignatureError, match=r"features Credit_Amount, .* expected the features Client"):
        load_checked(file, EngineOptions())
