"""The search: repeatable, judged on folds, not led by noise, the simplest of the equally good."""

from __future__ import annotations

import numpy as np
import pytest

from tests.train.quick_search import shorten_search
from train.dataset import Dataset
from train.errors import RecipeError
from train.fitting import probabilities
from train.fold_fits import STEPS, fold_curve
from train.recipe import STEP, Recipe
from train.search import Trial, best, search
from train.split import folds
from train.training import train_model


@pytest.fixture(scope="module")
def trials(dataset: Dataset) -> tuple[Trial, ...]:
    with pytest.MonkeyPatch.context() as patch:
        shorten_search(patch)
        return search(folds(dataset), 7, 2, lambda _done, _all: None, trials=6)


def recipe(trees: int = 40, depth: int = 3, half_life: float | None = None) -> Recipe:
    return Recipe(depth, trees, 0.3, 1.0, 1.0, half_life)


@pytest.mark.parametrize("threads", [1, 3])
def test_result_does_not_depend_on_threads(
    trials: tuple[Trial, ...], dataset: Dataset, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten_search(monkeypatch)
    told: list[tuple[int, int]] = []
    again = search(folds(dataset), 7, threads, lambda done, all_: told.append((done, all_)), trials=6)
    assert again == trials
    assert told == [(number, 6) for number in range(1, 7)]


def test_trial_is_judged_on_every_fold_unless_it_lags(trials: tuple[Trial, ...]) -> None:
    assert {len(trial.average_precisions) for trial in trials if not trial.pruned} == {4}
    assert {len(trial.average_precisions) for trial in trials if trial.pruned} <= {2}
    assert not best(trials).pruned


def test_curve_is_what_the_fitted_recipe_reaches_on_the_block(dataset: Dataset) -> None:
    from sklearn.metrics import average_precision_score

    fold, tried = folds(dataset)[-1], recipe(trees=40, half_life=30.0)
    fitted = tried.fit(fold.past, 7, 1)
    margins = fitted.predict(fold.block.x, output_margin=True)
    curve = fold_curve(tried, fold, 7)
    assert curve.shape == (STEPS,)
    assert curve[-1] == pytest.approx(average_precision_score(fold.block.y, margins), abs=1e-6)


@pytest.mark.parametrize(
    ("others", "chosen"),
    [
        pytest.param({20: (0.30, 0.31, 0.29, 0.30)}, 20, id="equal: the simpler"),
        pytest.param({20: (0.301, 0.30, 0.29, 0.302)}, 20, id="within one standard error: the simpler"),
        pytest.param({20: (0.28, 0.29, 0.27, 0.28)}, 40, id="worse on every fold: the better"),
        pytest.param({80: (0.30, 0.31, 0.29, 0.30)}, 40, id="equal, but less simple"),
    ],
)
def test_best_is_the_simplest_of_the_equally_good(others: dict[int, tuple[float, ...]], chosen: int) -> None:
    tried = [Trial(recipe(40), (0.30, 0.31, 0.29, 0.30), pruned=False)]
    tried += [Trial(recipe(trees), reached, pruned=False) for trees, reached in others.items()]
    tried.append(Trial(recipe(1), (0.9, 0.9), pruned=True))
    assert best(tried).recipe.trees == chosen


def test_training_twice_gives_the_same_bytes(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_search(monkeypatch)
    cutoff = dataset.dates[-1].item()
    first, second = (train_model(dataset, cutoff, 7, threads, lambda *_: None) for threads in (1, 2))
    for one, other in ((first.twin, second.twin), (first.shipped, second.shipped)):
        raw = [model.pipeline.named_steps[STEP].get_booster().save_raw("ubj") for model in (one, other)]
        assert raw[0] == raw[1]
    assert first.twin_on_test == second.twin_on_test
    assert first.shipped_cross_fitted == second.shipped_cross_fitted


def test_twin_is_blind_to_the_test_part_and_the_shipped_model_is_not(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten_search(monkeypatch)
    cutoff = dataset.dates[-1].item()
    before = train_model(dataset, cutoff, 7, 2, lambda *_: None)
    assert before.twin_on_test.rows == before.split.test.y.size
    assert before.twin_on_test.roc_auc.low > 0.6
    labels = dataset.y.copy()
    labels[before.split.known.y.size :] = 1 - labels[before.split.known.y.size :]
    after = train_model(Dataset(dataset.x, labels, dataset.dates), cutoff, 7, 2, lambda *_: None)
    x = before.split.test.x
    assert after.recipe == before.recipe
    assert np.array_equal(probabilities(after.twin.pipeline, x), probabilities(before.twin.pipeline, x))
    assert not np.array_equal(probabilities(after.shipped.pipeline, x), probabilities(before.shipped.pipeline, x))


def test_direction_of_no_feature_is_refused(dataset: Dataset) -> None:
    with pytest.raises(RecipeError, match="Shoe_Size"):
        search(folds(dataset), 7, 1, lambda *_: None, monotone={"Shoe_Size": 1}, trials=1)
