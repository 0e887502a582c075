"""Scalers vanish into the trees, and every answer stays the pipeline's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from xgboost import XGBClassifier

from convert import convert
from convert.booster_forest import read_forest
from convert.errors import ConversionError, UnsupportedModelError
from convert.scaler_folding import fold
from convert.source import open_source
from tests.convert.small_models import (
    ENOUGH_ROWS,
    Matrix,
    applications,
    convert_small,
    divorces,
    exported_margin,
)

TRAINING = applications(1_000)
ROWS = applications(3_000, seed=2)

SCALERS: dict[str, Callable[[], list[Any]]] = {
    "standard": lambda: [StandardScaler()],
    "standard without mean": lambda: [StandardScaler(with_mean=False)],
    "min-max": lambda: [MinMaxScaler()],
    "min-max that clips": lambda: [MinMaxScaler(feature_range=(-1, 1), clip=True)],
    "max-abs": lambda: [MaxAbsScaler()],
    "robust": lambda: [RobustScaler()],
    "two in a row": lambda: [StandardScaler(), MinMaxScaler()],
    "passthrough": lambda: ["passthrough", StandardScaler()],
    "none": list,
}


def fitted(scalers: list[Any], rows: Any = TRAINING) -> Pipeline:
    model = XGBClassifier(n_estimators=6, max_depth=5, n_jobs=1)
    return make_pipeline(*scalers, model).fit(rows, divorces(TRAINING))


@pytest.mark.parametrize("precision", [np.float32, np.float64], ids=["fitted on float32", "fitted on float64"])
@pytest.mark.parametrize("name", SCALERS)
def test_margins_are_the_pipelines(name: str, precision: Any) -> None:
    pipeline = fitted(SCALERS[name](), TRAINING.astype(precision))
    conversion = convert_small(pipeline)
    margin = exported_margin(conversion.model, ROWS)
    np.testing.assert_array_equal(margin, pipeline.predict(ROWS, output_margin=True))


def test_the_formula_would_not_do() -> None:
    pipeline = fitted([StandardScaler()])
    source = open_source(pipeline)
    scaled = read_forest(source)
    folded = fold(scaled, source)
    scaler = pipeline[0]
    off = 0
    for before, after in zip(scaled.trees, folded.trees, strict=True):
        splits, feature = before.splits, before.feature[before.splits]
        formula = before.threshold[splits] * scaler.scale_[feature] + scaler.mean_[feature]
        off += int((formula.astype(np.float32) != after.threshold[splits]).sum())
    assert off > 0


@given(
    mean=st.floats(-1e6, 1e6, width=32),
    scale=st.floats(2**-10, 2**20, width=32),
    threshold=st.floats(allow_nan=False, allow_infinity=False, width=32) | st.floats(-10, 10, width=32),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_folded_threshold_is_the_first_float_that_passes(mean: float, scale: float, threshold: float) -> None:
    scaler = StandardScaler().fit(TRAINING)
    scaler.mean_, scaler.scale_ = np.full(10, mean), np.full(10, scale)
    source = open_source(Pipeline([("scaler", scaler), ("model", MODEL)]))
    forest = read_forest(source)
    forest.trees[1].threshold[0] = threshold
    first = fold(forest, source).trees[1].threshold[0]
    # Infinity: no finite float passes. Before the lowest finite float there is none to fail.
    assert first == np.inf or _scaled(scaler, first) >= np.float32(threshold)
    before = np.nextafter(first, np.float32(-np.inf))
    assert before == -np.inf or _scaled(scaler, before) < np.float32(threshold)


MODEL = fitted([])[-1]


def _scaled(scaler: StandardScaler, value: np.float32) -> np.float32:
    with np.errstate(over="ignore"):
        return scaler.transform(np.full((1, 10), value, dtype=np.float32))[0, 0]  # type: ignore[no-any-return]


def test_thresholds_that_all_values_or_none_reach() -> None:
    scaler = MinMaxScaler(clip=True).fit(TRAINING)
    source = open_source(Pipeline([("scaler", scaler), ("model", MODEL)]))
    forest = read_forest(source)
    tree = forest.trees[1]
    places = tree.splits[:3]
    tree.feature[places], tree.threshold[places] = 3, [-5, 0.5, 5]
    everything, some, nothing = fold(forest, source).trees[1].threshold[places]
    assert everything == np.finfo(np.float32).min
    assert 7_500 < some < 25_000
    assert nothing == np.inf


def test_a_constant_column_is_folded() -> None:
    rows = TRAINING.copy()
    rows[:, 8] = 3
    pipeline = fitted([StandardScaler()], rows)
    assert convert_small(pipeline).parity.margin_bit_equal_share == 1


class Halving(StandardScaler):  # type: ignore[misc]
    """A step that looks like a scaler."""

    def transform(self, rows: Matrix, copy: bool | None = None) -> Matrix:
        return np.asarray(rows / 2, rows.dtype)


class Doubling(BaseEstimator):  # type: ignore[misc]
    """A step of one's own."""

    def fit(self, rows: Matrix, labels: Any = None) -> Doubling:
        return self

    def transform(self, rows: Matrix) -> Matrix:
        return rows * 2


@pytest.mark.parametrize(
    ("scalers", "change", "message"),
    [
        pytest.param([StandardScaler()], {"scale_": -1.0}, "Credit_Amount is zero, negative", id="negative scale"),
        pytest.param([StandardScaler()], {"scale_": np.inf}, "Credit_Amount is zero", id="everything becomes 0"),
        pytest.param([MinMaxScaler()], {"scale_": 0.0}, "Credit_Amount is zero", id="zero scale"),
        pytest.param([StandardScaler()], {"mean_": np.nan}, "not a number", id="mean of a column without values"),
        pytest.param([Halving()], {}, "Halving can't be folded", id="subclass"),
        pytest.param([Doubling()], {}, "Doubling can't be folded", id="unknown step"),
    ],
)
def test_a_scaler_that_cannot_be_folded_is_refused(scalers: list[Any], change: dict[str, float], message: str) -> None:
    pipeline = fitted(scalers)
    for name, value in change.items():
        getattr(pipeline[0], name)[1] = value
    with pytest.raises(UnsupportedModelError, match=message) as refusal:
        convert_small(pipeline)
    assert refusal.value.precondition == "pipeline step"


def test_an_unfitted_scaler_is_refused() -> None:
    pipeline = Pipeline([("scaler", StandardScaler()), ("model", MODEL)])
    with pytest.raises(UnsupportedModelError, match="StandardScaler is not fitted"):
        convert_small(pipeline)


def test_rows_that_the_scaler_refuses_are_named() -> None:
    rows = applications(ENOUGH_ROWS)
    rows[7, 0] = np.inf
    with pytest.raises(ConversionError, match="infinite"):
        convert(fitted([StandardScaler()]), rows, minimum_rows=ENOUGH_ROWS)
