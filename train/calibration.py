"""Calibration: makes a model's output the probability that its most recent applications had.

Two things stand between a margin and a probability: trees are surer of rows that they were fitted on than of new ones,
and applicants change, so that a model of three years answers for the average of three years. Platt scaling (Platt 1999,
"Probabilistic Outputs for Support Vector Machines") on margins that the same recipe gave to newer rows
(`train.fitting`) corrects both: margin -> slope * margin + intercept. It is written into the leaves and the base
score, so that every consumer of the model gets it: `predict_proba`, the saved file, the conversion.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from xgboost import XGBClassifier

from fraud.statistics.design_weights import DesignWeights, weighted_mean
from train.recipe import STEP

# Far below what 20,000 labels can tell, so that calibrating a second time changes nothing.
TOLERANCE: Final = 1e-8
MAX_ITERATIONS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Scaling:
    """Log-odds = `slope` * margin + `intercept`; the slope is positive, so that the order of rows stays."""

    slope: float
    intercept: float

    def probabilities(self, margins: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of margins [N] -> [N]."""
        log_odds = self.slope * margins.astype(np.float64) + self.intercept
        return np.asarray(1 / (1 + np.exp(-log_odds)), np.float32)


def scale(pipeline: Pipeline, scaling: Scaling) -> None:
    """Scale the model's margins in place.

    The order of rows stays, but for the rounding of float32 sums: rows whose margins differ by less than about 1e-6
    can tie or change places.
    """
    _scale(pipeline.named_steps[STEP], scaling)


def fit_scaling(margins: NDArray[np.float32], labels: NDArray[np.int8], weights: DesignWeights = None) -> Scaling:
    """Platt's two figures from margins [N] and labels [N] of both classes, each label counting as its weight says.

    Where margins say nothing about the labels the likeliest slope can be zero or negative; such a model keeps its
    slope, and only its mean is put right.
    """
    regression = LogisticRegression(C=np.inf, tol=TOLERANCE, max_iter=MAX_ITERATIONS).fit(
        margins.reshape(-1, 1).astype(np.float64), labels, sample_weight=weights
    )
    slope, intercept = float(regression.coef_[0, 0]), float(regression.intercept_[0])
    if slope > 0:
        return Scaling(slope, intercept)
    mean = weighted_mean(1 / (1 + np.exp(-margins.astype(np.float64))), weights)
    return Scaling(1.0, _logit(weighted_mean(labels, weights)) - _logit(mean))


def _scale(model: XGBClassifier, scaling: Scaling) -> None:
    # The booster's document is edited and loaded again: `load_config` accepts another base score and ignores it.
    document = json.loads(model.get_booster().save_raw("json"))
    for tree in document["learner"]["gradient_booster"]["model"]["trees"]:
        tree["split_conditions"] = [
            condition if child >= 0 else scaling.slope * condition
            for child, condition in zip(tree["left_children"], tree["split_conditions"], strict=True)
        ]
    parameters = document["learner"]["learner_model_param"]
    (base_score,) = json.loads(parameters["base_score"])
    base_margin = scaling.slope * _logit(base_score) + scaling.intercept
    parameters["base_score"] = json.dumps([1 / (1 + math.exp(-base_margin))])
    model.get_booster().load_model(bytearray(json.dumps(document), "utf-8"))


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))
