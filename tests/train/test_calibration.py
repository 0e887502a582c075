"""Calibration: margins are scaled as said, the order stays, and the saved model has it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score
from sklearn.pipeline import Pipeline
from xgboost import XGBClassifier

from train.calibration import Scaling, fit_scaling, scale
from train.dataset import Dataset
from train.recipe import STEP, Recipe
from train.split import Split, split_by_day

FLOAT32_SUM = 1e-5
"""Margins of up to 10 are sums of float32: rounding changes with the leaves."""


@pytest.fixture(scope="module")
def split(dataset: Dataset) -> Split:
    return split_by_day(dataset)


RECIPE = Recipe(3, 60, 0.1, 1.0, 1.0, None)
SCALING = Scaling(0.8, -0.4)


@pytest.fixture
def trained(split: Split) -> Pipeline:
    return RECIPE.fit(split.known, 7, 2)


def margins(pipeline: Pipeline, x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(pipeline.predict(x, output_margin=True))


def test_margins_are_scaled_and_the_order_stays(trained: Pipeline, split: Split) -> None:
    before = margins(trained, split.test.x)
    scale(trained, SCALING)
    after = margins(trained, split.test.x)
    assert after == pytest.approx(SCALING.slope * before + SCALING.intercept, abs=FLOAT32_SUM)
    order = np.argsort(before, kind="stable")
    assert np.diff(after[order]).min() > -FLOAT32_SUM
    labels = split.test.y
    assert average_precision_score(labels, after) == pytest.approx(average_precision_score(labels, before), abs=1e-3)
    expected = SCALING.probabilities(before)
    assert trained.predict_proba(split.test.x)[:, 1] == pytest.approx(expected, rel=1e-4)


def test_the_mean_probability_is_the_positive_rate_of_what_it_is_fitted_on(trained: Pipeline, split: Split) -> None:
    found = fit_scaling(margins(trained, split.test.x), split.test.y)
    scale(trained, found)
    assert trained.predict_proba(split.test.x)[:, 1].mean() == pytest.approx(split.test.positive_rate, rel=1e-3)
    again = fit_scaling(margins(trained, split.test.x), split.test.y)
    assert (again.slope, again.intercept) == pytest.approx((1, 0), abs=1e-3)


def test_a_calibration_survives_saving(trained: Pipeline, split: Split, tmp_path: Path) -> None:
    scale(trained, SCALING)
    trained.named_steps[STEP].get_booster().save_model(tmp_path / "model.ubj")
    loaded = XGBClassifier()
    loaded.load_model(tmp_path / "model.ubj")
    assert np.array_equal(loaded.predict_proba(split.test.x), trained.predict_proba(split.test.x))


def test_a_known_distortion_is_undone() -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(-2, 1, 200_000)
    labels = (rng.random(truth.size) < 1 / (1 + np.exp(-truth))).astype(np.int8)
    scaling = fit_scaling(((truth + 1.5) / 0.5).astype(np.float32), labels)
    assert scaling.slope == pytest.approx(0.5, abs=0.02)
    assert scaling.intercept == pytest.approx(-1.5, abs=0.03)


def test_margins_that_point_the_wrong_way_keep_their_order() -> None:
    rng = np.random.default_rng(2)
    wrong = rng.normal(0, 1, 10_000)
    labels = (rng.random(wrong.size) < 1 / (1 + np.exp(2 + wrong))).astype(np.int8)
    scaling = fit_scaling(wrong.astype(np.float32), labels)
    assert scaling.slope == 1.0
    assert scaling.intercept < 0
