"""The form of the exported model: one matrix in, one probability a row out, the same bytes every time."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import onnx
import pytest

from convert import booster_forest
from convert.exporter import export, to_bytes
from convert.source import open_source
from fraud.features import FEATURE_NAMES
from fraud.forest import Tree
from serve.engine import onnx_forest
from tests.convert.small_models import convert_small, fit, plain

MODEL = convert_small(plain())
GRAPH = onnx.load_model_from_string(MODEL.model)


def shape(value: onnx.ValueInfoProto) -> list[str | int]:
    return [dimension.dim_param or dimension.dim_value for dimension in value.type.tensor_type.shape.dim]


def test_one_input_and_one_output() -> None:
    [features], [probability] = GRAPH.graph.input, GRAPH.graph.output
    assert (features.name, shape(features)) == ("features", ["rows", 10])
    assert (probability.name, shape(probability)) == ("probability", ["rows"])
    assert {value.type.tensor_type.elem_type for value in (features, probability)} == {onnx.TensorProto.FLOAT}


def test_no_operator_that_decides_on_a_label() -> None:
    operators = [node.op_type for node in GRAPH.graph.node]
    assert operators == ["TreeEnsembleRegressor", "Squeeze", "Neg", "Min", "Exp", "Add", "Reciprocal"]


def test_the_model_says_what_it_is() -> None:
    properties = {entry.key: entry.value for entry in GRAPH.metadata_props}
    assert json.loads(properties["feature_names"]) == list(FEATURE_NAMES)
    assert properties["trees"] == "5"
    assert properties["producer"] == GRAPH.producer_name
    assert properties["xgboost_version"] == MODEL.parity.versions.xgboost


@pytest.mark.parametrize("parameters", [{}, {"max_depth": 7, "gamma": 0.5}, {"base_score": 0.01}], ids=str)
def test_the_exported_trees_are_those_of_the_booster(parameters: dict[str, float]) -> None:
    forest = booster_forest.read_forest(open_source(fit(**parameters)))
    exported = onnx_forest.read_forest(to_bytes(export(forest)))
    for expected, found in zip(forest.trees, exported.trees, strict=True):
        for column in fields(Tree):
            np.testing.assert_array_equal(getattr(found, column.name), getattr(expected, column.name), strict=True)


def test_the_same_model_gives_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    plain().save_model(tmp_path / "model.ubj")
    program = (
        "import sys; from pathlib import Path; from convert.source import load_classifier; "
        "from tests.convert.small_models import convert_small; "
        "print(convert_small(load_classifier(Path(sys.argv[1]))).sha256)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "model.ubj")]
    root = Path(__file__).parents[2]
    found = subprocess.run(
        command, cwd=root, env={"PYTHONHASHSEED": "1", "PYTHONPATH": str(root)}, check=True, capture_output=True
    )
    assert found.stdout.decode().strip() == MODEL.sha256 == MODEL.parity.model_sha256
