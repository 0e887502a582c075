"""The grid search: repeatable, chosen by average precision, refitted to exactly the chosen trees."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from xgboost import XGBClassifier

from train.dataset import Dataset
from train.grid import PATIENCE_TREES, STEP, Candidate, Trial, best, candidates, fit, search
from train.split import Split, split_by_day
from train.training import probabilities, train_model

SMALL_GRID = [Candidate(3, 0.3, 0.8, 1.0, 1.0), Candidate(4, 0.3, 0.8, 5.0, 10.0), Candidate(2, 0.1, 1.0, 1.0, 1.0)]


@pytest.fixture(scope="module")
def split(dataset: Dataset) -> Split:
    return split_by_day(dataset)


@pytest.fixture(scope="module")
def trials(split: Split) -> list[Trial]:
    return list(search(split.training, split.validation, SMALL_GRID, 7, 2))


def test_every_candidate_is_tried(trials: list[Trial]) -> None:
    assert [trial.candidate for trial in trials] == SMALL_GRID
    assert all(0 < trial.trees < 600 for trial in trials)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_result_does_not_depend_on_threads(trials: list[Trial], split: Split, threads: int) -> None:
    assert list(search(split.training, split.validation, SMALL_GRID, 7, threads)) == trials


def test_the_seed_matters(trials: list[Trial], split: Split) -> None:
    assert list(search(split.training, split.validation, SMALL_GRID, 8, 2)) != trials


@pytest.mark.parametrize("number", range(len(SMALL_GRID)))
def test_the_final_fit_is_the_trial(trials: list[Trial], split: Split, number: int) -> None:
    trial = trials[number]
    pipeline = fit(trial, split.training, 7, 1)
    assert pipeline.named_steps[STEP].get_booster().num_boosted_rounds() == trial.trees
    margins = pipeline.predict(split.validation.x, output_margin=True)
    assert average_precision_score(split.validation.y, margins) == pytest.approx(trial.average_precision, abs=1e-12)


@pytest.mark.parametrize("number", range(len(SMALL_GRID)))
def test_trees_after_the_best_are_not_kept(trials: list[Trial], split: Split, number: int) -> None:
    trial = trials[number]
    grown_on = XGBClassifier(
        n_estimators=trial.trees + PATIENCE_TREES, eval_metric="aucpr", **trial.candidate.parameters(7, 2)
    )
    grown_on.fit(split.training.x, split.training.y, eval_set=[(split.validation.x, split.validation.y)], verbose=False)
    curve = grown_on.evals_result()["validation_0"]["aucpr"]
    assert trial.trees == int(np.argmax(curve)) + 1


def test_best_is_the_highest_and_of_equals_the_first() -> None:
    tried = [Trial(SMALL_GRID[n % 3], n, precision) for n, precision in enumerate([0.1, 0.3, 0.2, 0.3])]
    assert best(tried) is tried[1]


def test_the_grid_balances_the_labels_or_does_not() -> None:
    grid = candidates(np.repeat(np.array([0, 1], np.int8), [90, 10]))
    assert {candidate.scale_pos_weight for candidate in grid} == {1.0, 9.0}
    assert len(set(grid)) == len(grid) == 48


def test_training_twice_gives_the_same_bytes(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.training.candidates", lambda _labels: SMALL_GRID)
    cutoff = dataset.dates[-1].item()
    told: list[tuple[int, int]] = []
    first, second = (
        train_model(dataset, cutoff, 7, threads, lambda done, whole: told.append((done, whole))) for threads in (1, 2)
    )
    raw = [training.pipeline.named_steps[STEP].get_booster().save_raw("ubj") for training in (first, second)]
    assert raw[0] == raw[1]
    assert first.validation == second.validation
    assert first.test == second.test
    assert told[:3] == [(1, 3), (2, 3), (3, 3)]


def test_the_model_learns_and_test_rows_are_judged(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.training.candidates", lambda _labels: SMALL_GRID)
    training = train_model(dataset, dataset.dates[-1].item(), 7, 2, lambda _done, _whole: None)
    assert training.test.rows == training.split.test.y.size
    assert training.test.roc_auc.low > 0.6
    assert np.array_equal(training.test_probabilities, probabilities(training.pipeline, training.split.test.x))
