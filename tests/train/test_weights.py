"""Training on labels of who was looked at: what each stands for reaches trees, folds, calibration and the card."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from train.dataset import Dataset, joined
from train.fitting import fit_everything, probabilities
from train.fold_fits import fold_curve
from train.model_card import weighting
from train.recipe import Recipe
from train.split import Fold, folds, split_by_day
from train.training import train_recipe

RECIPE = Recipe(3, 20, 0.3, 0.8, 1.0, 180.0)


def weighted(dataset: Dataset, heavy: float = 50.0) -> Dataset:
    """Every tenth application stands for many."""
    return replace(dataset, weights=np.where(np.arange(dataset.y.size) % 10 == 0, heavy, 1.0))


def test_weights_of_one_give_the_same_model_to_the_bit(dataset: Dataset) -> None:
    fitted = [fit_everything(RECIPE, one, 7, 2) for one in (dataset, replace(dataset, weights=np.ones(dataset.y.size)))]
    assert fitted[0].scaling == fitted[1].scaling
    raw = [model.classifier.get_booster().save_raw("json") for model in fitted]
    assert raw[0] == raw[1]


def test_design_times_recency_is_what_trees_are_fitted_with(dataset: Dataset) -> None:
    recency, both = RECIPE.weights(dataset), RECIPE.weights(weighted(dataset))
    assert recency is not None
    assert both is not None
    design = both / recency
    assert design.max() / design.min() == pytest.approx(50, rel=1e-5)
    assert design.mean() == pytest.approx(1, rel=1e-5), "the least child weight holds for as many rows as ever"


def test_a_fold_is_judged_by_weights(dataset: Dataset) -> None:
    *_, fold = folds(weighted(dataset))
    curve = fold_curve(RECIPE, fold, 7)
    last = probabilities(RECIPE.fit(fold.past, 7, 1), fold.block.x)
    expected = average_precision_score(fold.block.y, last, sample_weight=fold.block.weights)
    assert curve[-1] == pytest.approx(expected, abs=1e-3)
    without = Fold(fold.past, replace(fold.block, weights=None))
    assert fold_curve(RECIPE, without, 7)[-1] != pytest.approx(expected, abs=1e-3)


def test_mean_probability_is_the_rate_of_all_whom_they_stand_for(dataset: Dataset) -> None:
    # Of the divorced one in five was looked at by chance, of all others everybody was reviewed.
    labels = dataset.y == 1
    dataset = replace(dataset, weights=np.where(labels, 5.0, 1.0))
    fitted = fit_everything(RECIPE, dataset, 7, 2)
    mean = np.average(probabilities(fitted.pipeline, dataset.x), weights=dataset.weights)
    assert dataset.positive_rate > 3 * labels.mean()
    assert mean == pytest.approx(dataset.positive_rate, rel=0.1)


def test_parts_join_with_their_weights(dataset: Dataset) -> None:
    older, newer = dataset.part(slice(0, 10)), weighted(dataset).part(slice(10, 12))
    assert joined(older, newer).weights.tolist() == [1] * 10 + [50, 1]  # type: ignore[union-attr]
    assert joined(older, older).weights is None


def test_a_part_of_which_everybody_is_known_has_no_weights(dataset: Dataset) -> None:
    since = np.arange(dataset.y.size) >= 7_000
    lately = replace(dataset, weights=np.where(since, 10.0, 1.0))
    split = split_by_day(lately)
    assert lately.part(slice(0, 7_000)).weights is None
    assert split.test.weights is not None
    assert "1,000 of the 8,000 applications" in weighting(split)


def test_the_card_says_whether_labels_are_weighted_and_what_they_tell(dataset: Dataset) -> None:
    assert weighting(split_by_day(dataset)).startswith("Labels are not weighted")
    training = train_recipe(RECIPE, weighted(dataset), dt.date(2024, 4, 1), seed=7, threads=2)
    told = weighting(training.split)
    assert "800 of the 8,000 applications stand for others too, each for 50 at most" in told
    kish = (800 * 50 + 7_200) ** 2 / (800 * 2_500 + 7_200)
    assert f"as much as {kish:,.0f} of equal weight" in told
    test = training.split.test
    assert test.weights is not None
    assert training.twin_on_test.effective_rows == pytest.approx(test.effective_rows)
    assert "test_effective_rows" in training.twin_on_test.metrics("test")
    assert training.prices[0].average_precision == training.twin_on_test.average_precision.estimate
