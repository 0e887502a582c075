"""A recipe: a tag, weights by age, directions that hold."""

from __future__ import annotations

import numpy as np
import pytest

from fraud.features import FEATURE_NAMES
from train.calibration import fit_scaling
from train.dataset import Dataset
from train.errors import RecipeError
from train.fitting import cross_fit, fit_everything, probabilities
from train.recipe import Recipe, checked_excluded
from train.split import folds

RECIPE = Recipe(3, 20, 0.3, 0.8, 1.0, 180.0, {"Age_Days": -1})


def test_recipe_survives_its_tag() -> None:
    assert Recipe.from_json(RECIPE.to_json()) == RECIPE


@pytest.mark.parametrize("data", [b"", b"{}", b'{"max_depth": "deep"}'], ids=["empty", "nothing in it", "other types"])
def test_a_malformed_recipe_is_refused(data: bytes) -> None:
    with pytest.raises(RecipeError, match="the recipe can't be read"):
        Recipe.from_json(data)


def test_weight_halves_with_each_half_life() -> None:
    dates = np.array(["2023-01-05", "2023-07-04", "2023-12-31"], "datetime64[D]")
    applications = Dataset(np.zeros((3, 10), np.float32), np.array([0, 1, 0], np.int8), dates)
    weights = RECIPE.weights(applications)
    assert weights is not None
    assert weights.tolist() == [0.25, 0.5, 1.0]
    assert Recipe(3, 20, 0.3, 0.8, 1.0, None).weights(applications) is None


def test_direction_holds_whatever_the_data_say(dataset: Dataset) -> None:
    age = FEATURE_NAMES.index("Age_Days")
    rows = np.repeat(dataset.x[:50], 40, axis=0)
    rows[:, age] = np.tile(np.linspace(7_500, 20_000, 40, dtype=np.float32), 50)
    for way in (1, -1):
        recipe = Recipe(3, 20, 0.3, 1.0, 1.0, None, {"Age_Days": way})
        found = probabilities(recipe.fit(dataset, 7, 2), rows).reshape(50, 40)
        assert (way * np.diff(found, axis=1) >= 0).all()


def test_cross_fitted_probabilities_are_calibrated_and_of_the_newest_fifth(dataset: Dataset) -> None:
    scaling = fit_everything(RECIPE, dataset, 7, 2).scaling
    found = cross_fit(RECIPE, dataset, scaling, 7, 2)
    assert found.older.y.size + found.recent.y.size == dataset.y.size
    assert found.recent.y.size / dataset.y.size == pytest.approx(0.2, abs=0.02)
    assert found.probabilities.mean() == pytest.approx(found.recent.positive_rate, rel=0.1)


def test_calibration_takes_as_many_blocks_as_it_needs(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    newest = folds(dataset)[-1]
    margins = RECIPE.fit(newest.past, 7, 1).predict(newest.block.x, output_margin=True)
    monkeypatch.setattr("train.fitting.CALIBRATING_LABELS", 1)
    assert fit_everything(RECIPE, dataset, 7, 1).scaling == fit_scaling(margins, newest.block.y)
    monkeypatch.setattr("train.fitting.CALIBRATING_LABELS", 10**6)
    assert fit_everything(RECIPE, dataset, 7, 1).scaling != fit_scaling(margins, newest.block.y)


def test_cross_fitted_probabilities_follow_a_change_within_the_fifth(dataset: Dataset) -> None:
    """As the model's do for applicants that it does not know: else drift would be found where nothing changes."""
    border = int(0.88 * dataset.y.size)
    age = dataset.x[:, FEATURE_NAMES.index("Age_Days")]
    labels = dataset.y.copy()
    labels[border:][age[border:] < 9_000] = 1
    recipe = Recipe(3, 40, 0.1, 1.0, 1.0, 10.0)
    changed = Dataset(dataset.x, labels, dataset.dates)
    model = fit_everything(recipe, changed, 7, 2)
    found = cross_fit(recipe, changed, model.scaling, 7, 2)
    young = found.recent.x[:, FEATURE_NAMES.index("Age_Days")] < 9_000
    served = probabilities(model.pipeline, found.recent.x)
    assert found.probabilities[young].mean() == pytest.approx(served[young].mean(), abs=0.1)


def test_no_tree_splits_on_an_excluded_feature_and_the_width_stays(dataset: Dataset) -> None:
    recipe = Recipe(3, 30, 0.3, 0.8, 1.0, None, excluded=("Age_Days", "Education_Days"))
    fitted = fit_everything(recipe, dataset, 7, 2)
    splits = fitted.classifier.get_booster().trees_to_dataframe()["Feature"]
    assert not {"f3", "f9"} & set(splits), "age was the strongest"
    assert "f4" in set(splits)
    assert fitted.classifier.n_features_in_ == len(FEATURE_NAMES)
    others = dataset.x.copy()
    others[:, [3, 9]] = 1.0
    assert np.array_equal(probabilities(fitted.pipeline, dataset.x), probabilities(fitted.pipeline, others))
    assert Recipe.from_json(recipe.to_json()) == recipe


@pytest.mark.parametrize(
    ("names", "fault"),
    [
        pytest.param(["Age"], "no feature to leave out: Age; there are Client_Income", id="unknown"),
        pytest.param(FEATURE_NAMES, "every feature is left out", id="all"),
    ],
)
def test_a_required_feature_cannot_be_excluded(names: list[str], fault: str) -> None:
    with pytest.raises(RecipeError, match=fault):
        checked_excluded(names)


def test_excluded_features_are_in_the_order_of_the_matrix() -> None:
    assert checked_excluded(["Education_Days", "Age_Days", "Age_Days"]) == ("Age_Days", "Education_Days")
