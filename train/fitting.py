"""A recipe fitted on everything known: trees, their calibration, and honest predictions of the newest fifth."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from xgboost import XGBClassifier

from fraud.statistics.design_weights import effective_labels
from train.array_file import in_slices
from train.calibration import Scaling, fit_scaling, scale
from train.dataset import Dataset, joined
from train.growing import Grow, grow
from train.recipe import STEP, Recipe
from train.split import folds

CALIBRATING_LABELS: Final = 200
"""Fewest rows of each label to calibrate on: the slope is then known to a tenth or so. Weighted rows count as many as
tell equally much."""


@dataclass(frozen=True, slots=True)
class FittedModel:
    """A model that knows all applications of a data set."""

    pipeline: Pipeline
    """Calibrated."""
    scaling: Scaling
    """Of the margins; the pipeline has it already."""

    @property
    def classifier(self) -> XGBClassifier:
        """The pipeline's model."""
        return self.pipeline.named_steps[STEP]


@dataclass(frozen=True, slots=True)
class CrossFitted:
    """What a fitted model would say of its newest applications if it did not know them."""

    older: Dataset
    """What is older than them."""
    recent: Dataset
    """The newest fifth, in blocks."""
    probabilities: NDArray[np.float32]
    """Of `recent` [N]: of each block by the recipe fitted on all but the block, with the model's own calibration."""


def fit_everything(recipe: Recipe, dataset: Dataset, seed: int, threads: int, grown_by: Grow = grow) -> FittedModel:
    """Fit the recipe on all applications of the data set, and calibrate it on its newest ones.

    A model is overconfident on rows that it was fitted on, so its calibration uses margins of the same recipe fitted on
    the data known when the newest block began. Blocks before that would be predicted by trees that know less of what
    has changed since: their margins have a middle of their own, and what fits them does not fit here.

    Raises:
        DatasetError: the applications are too few to be split.
    """
    scaling = _out_of_time_scaling(recipe, dataset, seed, threads, grown_by)
    pipeline = recipe.fit(dataset, seed, threads, grown_by)
    scale(pipeline, scaling)
    return FittedModel(pipeline, scaling)


def _out_of_time_scaling(recipe: Recipe, dataset: Dataset, seed: int, threads: int, grown_by: Grow) -> Scaling:
    """By the newest block; where its labels are too few for two figures, by as many blocks as it takes."""
    margins: list[NDArray[np.float32]] = []
    blocks: list[Dataset] = []
    for fold in reversed(folds(dataset)):
        margins.append(_margins(recipe.fit(fold.past, seed, threads, grown_by), fold.block.x))
        blocks.append(fold.block)
        known = reduce(joined, blocks)
        if min(effective_labels(known.y, known.weights)) >= CALIBRATING_LABELS:
            break
    return fit_scaling(np.concatenate(margins), known.y, known.weights)


def cross_fit(
    recipe: Recipe, dataset: Dataset, scaling: Scaling, seed: int, threads: int, *, grown_by: Grow = grow
) -> CrossFitted:
    """Predict each block of the newest fifth by the recipe fitted on everything else, before the block and after it.

    So the probabilities are spread as those of the model that knows everything are on applications that it does not
    know: drift is measured against them. Trees of the past alone would not do. Where applicants have changed within
    the fifth, what they say of its older blocks is far from what the model says of anybody.

    Raises:
        DatasetError: the applications are too few to be split.
    """
    blocks = folds(dataset)
    begins = [fold.past.y.size for fold in blocks]
    ends = [*begins[1:], dataset.y.size]

    def of_block(border: tuple[int, int]) -> NDArray[np.float32]:
        begin, end = border
        others = joined(dataset.part(slice(0, begin)), dataset.part(slice(end, None)))
        return _margins(recipe.fit(others, seed, 1, grown_by), dataset.x[begin:end])

    with ThreadPoolExecutor(threads, "fold") as pool:
        margins = np.concatenate(list(pool.map(of_block, zip(begins, ends, strict=True))))
    recent = dataset.part(slice(begins[0], None))
    return CrossFitted(blocks[0].past, recent, scaling.probabilities(margins))


def probabilities(pipeline: Pipeline, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probability of a divorce for each row of [N, 10] -> [N]."""
    return in_slices(x, lambda rows: pipeline.predict_proba(rows)[:, 1])


def _margins(pipeline: Pipeline, x: NDArray[np.float32]) -> NDArray[np.float32]:
    return in_slices(x, lambda rows: pipeline.predict(rows, output_margin=True))
