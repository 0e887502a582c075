"""The reference profile of a model that was just trained (`fraud/reference_profile.py` says what it is).

Where applications stand for others (`Dataset.weights`), counts are those of all whom they stand for, scaled to as many
rows as tell equally much: tests of drift take them for a sample, and a sample of that size is what they are.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
from numpy.typing import NDArray
from xgboost import XGBClassifier

from fraud.features import FEATURE_NAMES
from fraud.reference_profile import PREDICTION, ReferenceProfile, VariableReference
from fraud.statistics.binning import Bins, choose_bins
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
        _variable(name, (recent, recent.x[:, column]), (older, older.x[:, column]), importance)
        for column, (name, importance) in enumerate(zip(FEATURE_NAMES, _importances(classifier), strict=True))
    ]
    prediction = _variable(PREDICTION, (recent, predicted), None, None)
    rows, positives = _size(recent)
    training_rows, training_positives = _size(older)
    return ReferenceProfile(
        model_sha256=model_sha256,
        data_cutoff=cutoff,
        first_day=recent.dates[0].item(),
        last_day=recent.dates[-1].item(),
        rows=rows,
        positives=positives,
        training_rows=training_rows,
        training_positives=training_positives,
        variables=[*features, prediction],
        positives_by_probability=_counts_of(recent, 1, prediction.bins(), predicted).tolist(),
    )


Values = tuple[Dataset, NDArray[np.float32]]
"""Of a variable [N], of N applications."""


def _variable(name: str, recent: Values, training: Values | None, importance: float | None) -> VariableReference:
    bins = choose_bins(recent[1])
    plain = bins.to_plain()
    return VariableReference(
        name=name,
        thresholds=plain["thresholds"],
        kinds=plain["kinds"],
        counts=_counts(*recent, bins).tolist(),
        training_counts=None if training is None else _counts(*training, bins).tolist(),
        importance=importance,
    )


def _size(part: Dataset) -> tuple[int, int]:
    """Rows, and positive ones, of as many rows of equal weight as tell equally much."""
    rows = round(part.effective_rows)
    return rows, int(part.y.sum()) if part.weights is None else round(part.effective_rows * part.positive_rate)


def _counts(part: Dataset, values: NDArray[np.float32], bins: Bins) -> NDArray[np.int64]:
    return _counts_of(part, 0, bins, values) + _counts_of(part, 1, bins, values)


def _counts_of(part: Dataset, label: int, bins: Bins, values: NDArray[np.float32]) -> NDArray[np.int64]:
    """Rows of one label in each bin; in all as many as `_size` says."""
    chosen = part.y == label
    counts = bins.count(values[chosen])
    if part.weights is None:
        return counts
    rows, positives = _size(part)
    weights = bins.weigh(values[chosen], part.weights[chosen])
    return whole_counts(weights, positives if label else rows - positives)


def whole_counts(weights: NDArray[np.float64], total: int) -> NDArray[np.int64]:
    """Whole numbers that are as weights [K] are and add up to `total`, by the largest remainders.

    A bin with any weight gets at least one row, if there are enough: values seen in training are not unknown.
    """
    least: NDArray[np.int64] = (weights > 0).astype(np.int64)
    if least.sum() > total:
        least[:] = 0
    exact = weights / max(weights.sum(), 1e-300) * (total - least.sum())
    counts: NDArray[np.int64] = least + np.floor(exact).astype(np.int64)
    left = total - int(counts.sum())
    counts[np.argsort(np.floor(exact) - exact, kind="stable")[:left]] += 1
    return counts


def _importances(classifier: XGBClassifier) -> list[float]:
    """Each feature's share of the gain of all splits, in the order of the columns."""
    gains = classifier.get_booster().get_score(importance_type="total_gain")
    total = sum(gains.values())
    return [gains.get(f"f{column}", 0.0) / total if total else 0.0 for column in range(len(FEATURE_NAMES))]
