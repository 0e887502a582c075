"""A recipe fitted on everything known: trees, honest predictions of the newest fifth, and the calibration by them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from xgboost import XGBClassifier

from train.calibration import Scaling, fit_scaling, scale
from train.dataset import Dataset
from train.recipe import STEP, Recipe
from train.split import Fold, folds


@dataclass(frozen=True, slots=True)
class FittedModel:
    """A model that knows all applications of a data set."""

    pipeline: Pipeline
    """Calibrated."""
    scaling: Scaling
    """Of the margins; the pipeline has it already."""
    older: Dataset
    """What is older than the cross-fitted rows."""
    recent: Dataset
    """The newest fifth, cross-fitted: each block of it was predicted by trees that were fitted before it began."""
    recent_probabilities: NDArray[np.float32]
    """Of `recent` [N], by those trees and this model's calibration."""

    @property
    def classifier(self) -> XGBClassifier:
        """The pipeline's model."""
        return self.pipeline.named_steps[STEP]


def fit_everything(recipe: Recipe, dataset: Dataset, seed: int, threads: int) -> FittedModel:
    """Fit the recipe on all applications of the data set and calibrate it by time-ordered cross-fitting.

    What a model says of rows that it was fitted on is too sure. The margins that calibrate it (those of the newest
    block), and the probabilities that drift is measured against, are therefore those of the same recipe fitted on older
    rows only.

    Raises:
        DatasetError: the applications are too few to be split.
    """
    blocks = folds(dataset)
    recent = dataset.part(slice(blocks[0].past.y.size, None))
    margins = cross_fitted_margins(recipe, blocks, seed, threads)
    # The trees that predicted the newest block know nearly all that these know. Those before it have margins of their
    # own, and where applicants changed within the fifth, what fits them does not fit here.
    newest = blocks[-1].block.y
    scaling = fit_scaling(margins[-newest.size :], newest)
    pipeline = recipe.fit(dataset, seed, threads)
    scale(pipeline, scaling)
    return FittedModel(pipeline, scaling, blocks[0].past, recent, scaling.probabilities(margins))


def cross_fitted_margins(recipe: Recipe, blocks: tuple[Fold, ...], seed: int, threads: int) -> NDArray[np.float32]:
    """Margins of all blocks in their order [N], each by trees that were fitted on its past."""

    def of_block(fold: Fold) -> NDArray[np.float32]:
        return np.asarray(recipe.fit(fold.past, seed, 1).predict(fold.block.x, output_margin=True), np.float32)

    with ThreadPoolExecutor(threads, "fold") as pool:
        return np.concatenate(list(pool.map(of_block, blocks)))


def probabilities(pipeline: Pipeline, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probability of a divorce for each row of [N, 10] -> [N]."""
    return np.asarray(pipeline.predict_proba(x)[:, 1], np.float32)
