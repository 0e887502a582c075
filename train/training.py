"""Trains one model on a split: grid search, final fit, calibration, evaluation."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from train.calibration import Scaling, calibrate
from train.dataset import Dataset
from train.evaluate import Evaluation, evaluate
from train.grid import Trial, best, candidates, fit, search
from train.split import Split, split_by_day


@dataclass(frozen=True, slots=True)
class Training:
    """A trained model with all that is known about it."""

    split: Split
    trials: tuple[Trial, ...]
    chosen: Trial
    pipeline: Pipeline
    scaling: Scaling
    """Of the margins, on validation; the pipeline has it already."""
    validation: Evaluation
    test: Evaluation
    test_probabilities: NDArray[np.float32]
    """Of the test part [N]."""
    cutoff: dt.date
    """Applications from this day on were unknown."""
    seed: int


def train_model(
    dataset: Dataset, cutoff: dt.date, seed: int, threads: int, on_trial: Callable[[int, int], None]
) -> Training:
    """Train on the training part, choose on validation, report on test; repeatable, whatever the number of threads.

    `on_trial` is told how many candidates of the grid are done, and of how many.

    Raises:
        DatasetError: the applications can't be split in three.
    """
    split = split_by_day(dataset)
    grid = candidates(split.training.y)
    trials = []
    for trial in search(split.training, split.validation, grid, seed, threads):
        trials.append(trial)
        on_trial(len(trials), len(grid))
    chosen = best(trials)
    pipeline = fit(chosen, split.training, seed, threads)
    scaling = calibrate(pipeline, split.validation)
    on_validation = probabilities(pipeline, split.validation.x)
    on_test = probabilities(pipeline, split.test.x)
    return Training(
        split=split,
        trials=tuple(trials),
        chosen=chosen,
        pipeline=pipeline,
        scaling=scaling,
        validation=evaluate(split.validation.y, on_validation, seed),
        test=evaluate(split.test.y, on_test, seed),
        test_probabilities=on_test,
        cutoff=cutoff,
        seed=seed,
    )


def probabilities(pipeline: Pipeline, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probability of a divorce for each row of [N, 10] -> [N]."""
    return np.asarray(pipeline.predict_proba(x)[:, 1], np.float32)
