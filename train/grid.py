"""The grid search: one early-stopped XGBoost model per candidate, chosen by average precision on validation."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xgboost
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from xgboost.callback import EarlyStopping

from fraud.statistics.average_precision import average_precision
from fraud.statistics.ranking import rank
from train.dataset import Dataset

MAX_TREES: Final = 600
PATIENCE_TREES: Final = 30
"""Trees without a better average precision on validation after which growing ends."""

MAX_DEPTHS: Final = (3, 4, 6)
LEARNING_RATES: Final = (0.05, 0.1)
SAMPLE_SHARES: Final = (1.0, 0.8)
MIN_CHILD_WEIGHTS: Final = (1.0, 20.0)

STEP: Final = "model"
"""Name of the pipeline's single step."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One set of hyperparameters."""

    max_depth: int
    learning_rate: float
    sample_share: float
    """Share of rows drawn for a tree, and of columns."""
    min_child_weight: float
    scale_pos_weight: float
    """Weight of a positive row; other than 1 it inflates the odds, which `train.calibration` undoes."""

    def parameters(self, seed: int, threads: int) -> dict[str, Any]:
        """The candidate in the terms of `XGBClassifier`."""
        return {
            "objective": "binary:logistic",
            "tree_method": "hist",
            "max_depth": self.max_depth,
            "learning_rate": self.learning_rate,
            "subsample": self.sample_share,
            "colsample_bytree": self.sample_share,
            "min_child_weight": self.min_child_weight,
            "scale_pos_weight": self.scale_pos_weight,
            "random_state": seed,
            "n_jobs": threads,
        }


@dataclass(frozen=True, slots=True)
class Trial:
    """A candidate and what it reached."""

    candidate: Candidate
    trees: int
    """Trees up to the best one on validation."""
    average_precision: float
    """On validation."""


def candidates(labels: NDArray[np.int8]) -> list[Candidate]:
    """The grid, simplest models first; the weight of positives is 1, or what balances the training labels."""
    positives = int(labels.sum())
    balanced = (labels.size - positives) / positives
    grid = itertools.product(MAX_DEPTHS, LEARNING_RATES, SAMPLE_SHARES, MIN_CHILD_WEIGHTS, (1.0, balanced))
    return [Candidate(*values) for values in grid]


def search(
    training: Dataset,
    validation: Dataset,
    grid: Sequence[Candidate],
    seed: int,
    threads: int,
) -> Iterator[Trial]:
    """Train the candidates, `threads` of them at a time; the result does not depend on that number.

    Trees on so few rows gain little from several threads each. The features are put into bins once a thread.
    """
    own = threading.local()

    def put_into_bins() -> None:
        own.training = xgboost.QuantileDMatrix(training.x, training.y, nthread=1)
        own.validation = xgboost.QuantileDMatrix(validation.x, validation.y, ref=own.training, nthread=1)

    def try_out(candidate: Candidate) -> Trial:
        booster = _early_stopped(candidate.parameters(seed, threads=1), own.training, own.validation)
        ranking = rank(validation.y, booster.predict(own.validation, output_margin=True))
        return Trial(candidate, booster.num_boosted_rounds(), average_precision(ranking))

    pool = ThreadPoolExecutor(threads, "grid", put_into_bins)
    try:
        yield from pool.map(try_out, grid)
    finally:
        pool.shutdown(cancel_futures=True)


def _early_stopped(
    parameters: dict[str, Any], training: xgboost.DMatrix, validation: xgboost.DMatrix
) -> xgboost.Booster:
    stop = EarlyStopping(
        rounds=PATIENCE_TREES, metric_name="aucpr", data_name="validation", maximize=True, save_best=True
    )
    return xgboost.train(
        parameters | {"eval_metric": "aucpr"},
        training,
        num_boost_round=MAX_TREES,
        evals=[(validation, "validation")],
        callbacks=[stop],
        verbose_eval=False,
    )


def best(trials: Sequence[Trial]) -> Trial:
    """The trial of highest average precision; of equals the first, which is the simplest."""
    return max(trials, key=lambda trial: trial.average_precision)


def fit(trial: Trial, training: Dataset, seed: int, threads: int) -> Pipeline:
    """Grow the trial's trees once more, as a scikit-learn pipeline that holds exactly them.

    With the same data, seed and parameters they are the same trees. The early-stopped booster itself is not kept: it
    carries the marks of its validation run.
    """
    model = xgboost.XGBClassifier(n_estimators=trial.trees, **trial.candidate.parameters(seed, threads))
    return Pipeline([(STEP, model)]).fit(training.x, training.y)
