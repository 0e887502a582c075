"""The reference profile of a model that was just trained (`fraud/reference_profile.py` says what it is)."""

from __future__ import annotations

import datetime as dt

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from fraud.features import FEATURE_NAMES
from fraud.reference_profile import PREDICTION, ReferenceProfile, VariableReference
from fraud.statistics.binning import choose_bins
from train.grid import STEP
from train.split import Split
from train.training import probabilities


def reference_profile(split: Split, pipeline: Pipeline, cutoff: dt.date, model_sha256: str) -> ReferenceProfile:
    """Bins chosen on validation and test, and counts of these and of the training part."""
    x = np.concatenate((split.validation.x, split.test.x))
    y = np.concatenate((split.validation.y, split.test.y))
    predicted = probabilities(pipeline, x)
    features = [
        _variable(name, x[:, column], split.training.x[:, column], importance)
        for column, (name, importance) in enumerate(zip(FEATURE_NAMES, _importances(pipeline), strict=True))
    ]
    prediction = _variable(PREDICTION, predicted, None, None)
    return ReferenceProfile(
        model_sha256=model_sha256,
        data_cutoff=cutoff,
        first_day=split.validation_start,
        last_day=split.last_day,
        rows=y.size,
        positives=int(y.sum()),
        training_rows=split.training.y.size,
        training_positives=int(split.training.y.sum()),
        variables=[*features, prediction],
        positives_by_probability=prediction.bins().count(predicted[y == 1]).tolist(),
    )


def _variable(
    name: str, recent: NDArray[np.float32], training: NDArray[np.float32] | None, importance: float | None
) -> VariableReference:
    bins = choose_bins(recent)
    plain = bins.to_plain()
    return VariableReference(
        name=name,
        thresholds=plain["thresholds"],
        kinds=plain["kinds"],
        counts=bins.count(recent).tolist(),
        training_counts=None if training is None else bins.count(training).tolist(),
        importance=importance,
    )


def _importances(pipeline: Pipeline) -> list[float]:
    """Each feature's share of the gain of all splits, in the order of the columns."""
    gains = pipeline.named_steps[STEP].get_booster().get_score(importance_type="total_gain")
    total = sum(gains.values())
    return [gains.get(f"f{column}", 0.0) / total if total else 0.0 for column in range(len(FEATURE_NAMES))]
