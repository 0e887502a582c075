"""Trees grown slice by slice, from disk, are the trees of the whole matrix in memory."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from xgboost import XGBClassifier

from tests.train.conftest import synthetic_dataset
from train.dataset import Dataset, joined
from train.fitting import probabilities
from train.recipe import Recipe

RECIPES = [
    pytest.param(Recipe(4, 30, 0.1, 0.8, 1.0, None, {"Age_Days": -1}), id="monotone"),
    pytest.param(Recipe(4, 30, 0.1, 1.0, 20.0, 20.0), id="weights by age"),
    pytest.param(Recipe(4, 30, 0.1, 0.8, 1.0, 20.0, excluded=("Age_Days",)), id="a feature left out"),
]


@pytest.fixture
def applications(monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """Real numbers, missing values and design weights, in eight slices, the last of them shorter."""
    monkeypatch.setattr("train.array_file.SLICE_ROWS", 1_111)
    made = synthetic_dataset(8_000, 80, 1)
    rng = np.random.default_rng(2)
    x = (made.x + rng.random(made.x.shape)).astype(np.float32)
    x[rng.random(x.shape) < 0.05] = np.nan
    return replace(made, x=x, weights=rng.choice([1.0, 2.5, 100.0], made.y.size))


@pytest.mark.parametrize("recipe", RECIPES)
def test_slices_grow_the_trees_of_the_whole_matrix(recipe: Recipe, applications: Dataset) -> None:
    in_memory = XGBClassifier(n_estimators=recipe.trees, **recipe.parameters(7, 1))
    in_memory.fit(recipe.seen(applications.x), applications.y, sample_weight=recipe.weights(applications))
    pipeline = recipe.fit(applications, 7, 2)
    assert recipe.grow(applications, 7, 1).get_dump(dump_format="json", with_stats=True) == (
        in_memory.get_booster().get_dump(dump_format="json", with_stats=True)
    )
    assert np.array_equal(probabilities(pipeline, applications.x), in_memory.predict_proba(applications.x)[:, 1])


@pytest.mark.filterwarnings("error")
def test_no_file_is_left(applications: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    recipe = Recipe(3, 5, 0.3, 0.8, 1.0, 20.0)
    recipe.fit(joined(applications, applications), 7, 1)
    assert not list(tmp_path.iterdir())


def test_faults_in_a_slice_are_raised(applications: Dataset) -> None:
    recipe = msgspec.structs.replace(Recipe(3, 5, 0.3, 0.8, 1.0, None), excluded=("no such feature",))
    with pytest.raises(ValueError, match="not in tuple"):
        recipe.grow(applications, 7, 1)


def test_joined_applications_are_those_of_both(applications: Dataset) -> None:
    both = joined(applications.part(slice(0, 3_000)), applications.part(slice(3_000, None)))
    assert np.array_equal(both.x, applications.x, equal_nan=True)
    assert not both.x.flags.writeable
