"""The exported model answers as XGBoost does, whatever the trees look like.

Margins and probabilities are compared here again, beside the parity check that `convert` runs itself.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxmltools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnxmltools.convert.common.data_types import FloatTensorType
from xgboost import XGBClassifier

from serve.engine import EngineOptions, load, read_model
from serve.engine.onnx_kernel import open_session
from tests.convert.small_models import (
    applications,
    convert_small,
    divorces,
    edited,
    exported_margin,
    fit,
    plain,
    single_leaf,
    trees_of,
)

ROWS = applications(3_000, seed=2)


def assert_exact(model: XGBClassifier, folder: Path) -> None:
    conversion = convert_small(model)
    expected = model.predict(ROWS, output_margin=True) + np.float32(0)
    margin = exported_margin(conversion.model, ROWS) + np.float32(0)
    np.testing.assert_array_equal(margin.view(np.uint32), expected.view(np.uint32))
    path = folder / "model.onnx"
    path.write_bytes(conversion.model)
    probability = load(read_model(path), EngineOptions()).score(ROWS)
    np.testing.assert_allclose(probability, model.predict_proba(ROWS)[:, 1], rtol=1e-6, atol=0)


@given(
    depth=st.integers(1, 8),
    rounds=st.integers(1, 12),
    method=st.sampled_from(["hist", "exact", "approx"]),
    pruning=st.sampled_from([0.0, 3.0, 1e9]),
    positive_weight=st.sampled_from([0.01, 1.0, 50.0]),
    base_score=st.sampled_from([None, 1e-9, 1e-6, 0.003, 0.5, 0.7310586, 1 - 1e-6]),
    learning_rate=st.sampled_from([0.01, 0.3, 1.0]),
    missing_share=st.sampled_from([0.0, 0.05, 0.6]),
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_any_forest_keeps_its_margins(
    tmp_path_factory: pytest.TempPathFactory,
    depth: int,
    rounds: int,
    method: str,
    pruning: float,
    positive_weight: float,
    base_score: float | None,
    learning_rate: float,
    missing_share: float,
) -> None:
    model = fit(
        missing_share=missing_share,
        max_depth=depth,
        n_estimators=rounds,
        tree_method=method,
        gamma=pruning,
        scale_pos_weight=positive_weight,
        base_score=base_score,
        learning_rate=learning_rate,
    )
    assert_exact(model, tmp_path_factory.mktemp("model"))


def _first_tree_is_a_leaf_of_0(learner: dict[str, Any]) -> None:
    single_leaf(trees_of(learner)[0], 0.0)


def _every_tree_is_a_leaf_of_minus_0(learner: dict[str, Any]) -> None:
    for tree in trees_of(learner):
        single_leaf(tree, -0.0)
    learner["learner_model_param"]["base_score"] = "[5E-1]"


def _threshold_of_minus_0(learner: dict[str, Any]) -> None:
    trees_of(learner)[0]["split_conditions"][0] = -0.0


def _subnormal_threshold(learner: dict[str, Any]) -> None:
    trees_of(learner)[0]["split_conditions"][0] = 1e-45


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(_first_tree_is_a_leaf_of_0, id="onnxmltools drops a first tree that is one leaf of 0"),
        pytest.param(_every_tree_is_a_leaf_of_minus_0, id="a sum of minus zeros has its sign from where it starts"),
        pytest.param(_threshold_of_minus_0, id="minus 0 is not below 0"),
        pytest.param(_subnormal_threshold, id="a subnormal threshold is not 0"),
    ],
)
def test_a_tree_that_converters_get_wrong(edit: Callable[[dict[str, Any]], None], tmp_path: Path) -> None:
    assert_exact(edited(plain(), edit), tmp_path)


@pytest.mark.parametrize("base_score", [1e-6, 0.001, 0.0799, 0.3, 0.999])
def test_a_base_score_shifted_after_training_is_the_one_that_counts(base_score: float, tmp_path: Path) -> None:
    model = fit()
    before = model.predict(ROWS, output_margin=True)
    model.get_booster().set_param({"base_score": base_score})
    assert not np.array_equal(model.predict(ROWS, output_margin=True), before)
    assert_exact(model, tmp_path)


def test_an_early_stopped_model_is_converted_once_it_is_sliced(tmp_path: Path) -> None:
    train, validation = applications(800), applications(400, seed=5)
    model = XGBClassifier(n_estimators=200, max_depth=4, early_stopping_rounds=3, n_jobs=1)
    model.fit(train, divorces(train), eval_set=[(validation, divorces(validation, seed=5))], verbose=False)
    expected = model.predict(ROWS, output_margin=True)
    model.get_booster()[: model.best_iteration + 1].save_model(tmp_path / "sliced.ubj")
    sliced = XGBClassifier()
    sliced.load_model(tmp_path / "sliced.ubj")
    np.testing.assert_array_equal(sliced.predict(ROWS, output_margin=True), expected)
    assert_exact(sliced, tmp_path)


@pytest.mark.parametrize(
    "margin",
    [
        pytest.param(-13.8, id="one in a million: the Sigmoid operator is 13% off"),
        pytest.param(-60.0, id="tiny"),
        pytest.param(-87.9, id="subnormal"),
        pytest.param(-88.72, id="exp would not overflow yet, but XGBoost clamps"),
        pytest.param(-200.0, id="exp would overflow and the probability be 0"),
        pytest.param(200.0, id="one"),
    ],
)
def test_probabilities_at_both_ends(margin: float, tmp_path: Path) -> None:
    def shift(learner: dict[str, Any]) -> None:
        single_leaf(trees_of(learner)[0], margin)

    model = edited(plain(), shift)
    assert_exact(model, tmp_path)
    assert model.predict_proba(ROWS)[:, 1].min() > 0


def test_onnxmltools_has_the_same_trees() -> None:
    model = plain()
    classifier = onnxmltools.convert_xgboost(model, initial_types=[("features", FloatTensorType([None, 10]))])
    session = open_session(classifier.SerializeToString())
    theirs = session.run([session.get_outputs()[1].name], {"features": ROWS})[0][:, 1]
    margin = exported_margin(convert_small(model).model, ROWS)
    np.testing.assert_allclose(1 / (1 + np.exp(-margin.astype(np.float64))), theirs, atol=1e-6)
