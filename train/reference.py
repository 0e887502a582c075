"""The reference profile of a model that was just trained (`fraud/reference_profile.py` says what it is)."""

from __future__ import annotations

import datetime as dt

import numpy as np
from numpy.typing import NDArray
from xgboost import XGBClassifier

from fraud.features import FEATURE_NAMES
from fraud.reference_profile import PREDICTION, ReferenceProfile, VariableReference
from fraud.statistics.binning import choose_bins
from train.dataset import Dataset


def reference_profile(
    older: Dataset,
    recent: Dataset,
    predicted: NDArray[np.float32],
    *,
    classifier: XGBClassifier,
    cutoff: dt.date,
    model_sha256: str,
) -> ReferenceProfile:
    """Bins chosen on the recent part, and counts of it and of the older one.

    Args:
        older: applications before the recent part.
        recent: the newest, [N] rows.
        predicted: probabilities [N] of the recent part, by trees that were not fitted on the row in question.
        classifier: the model that serves; its splits say how important a feature is.
        cutoff: applications from this day on were unknown.
        model_sha256: of its `model.onnx`.
    """
    features = [
        _variable(name, recent.x[:, column], older.x[:, column], importance)
        for column, (name, importance) in enumerate(zip(FEATURE_NAMES, _importances(classifier), strict=True))
    ]
    prediction = _variable(PREDICTION, predicted, None, None)
    return ReferenceProfile(
        model_sha256=model_sha256,
        data_cutoff=cutoff,
        first_day=recent.dates[0].item(),
        last_day=recent.dates[-1].item(),
        rows=recent.y.size,
        positives=int(recent.y.sum()),
        training_rows=older.y.size,
        training_positives=int(older.y.sum()),
        variables=[*features, prediction],
        positives_by_probability=prediction.bins().count(predicted[recent.y == 1]).tolist(),
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


def _importances(classifier: XGBClassifier) -> list[float]:
    """Each feature's share of the gain of all splits, in the order of the columns."""
    gains = classifier.get_booster().get_score(importance_type="total_gain")
    total = sum(gains.values())
    return [gains.get(f"f{column}", 0.0) / total if total else 0.0 for column in range(len(FEATURE_NAMES))]
