"""How good the probabilities are: ranking with confidence intervals, calibration, and what a review team would find.

Where applications stand for others (`Dataset.weights`), every figure is of all applicants whom they stand for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, log_loss

from fraud.statistics.average_precision import average_precision, resampled_average_precision
from fraud.statistics.bootstrap import percentile_interval, resample_weights
from fraud.statistics.design_weights import DesignWeights, as_drawn_once, effective_size, weighted_mean
from fraud.statistics.interval import Interval
from fraud.statistics.ranking import count, rank
from fraud.statistics.review import REVIEW_CAPACITY, hits, reviewed_of
from fraud.statistics.roc_auc import resampled_roc_auc, roc_auc

RESAMPLES: Final = 1000


@dataclass(frozen=True, slots=True)
class Review:
    """What officers find who review the applications of highest probability."""

    capacity: float
    """Share of applications that they review."""
    precision: float
    """Share of the reviewed that divorce."""
    recall: float
    """Share of the divorces that are among the reviewed."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures of one part of the data; intervals are at 95%."""

    rows: int
    positive_rate: float
    mean_probability: float
    average_precision: Interval
    roc_auc: Interval
    brier_score: float
    log_loss: float
    review: Review
    effective_rows: float | None = None
    """How many rows of equal weight would tell as much (Kish 1965); None: the rows have no weights."""

    def metrics(self, part: str) -> dict[str, float]:
        """Flat figures for MLflow, named `<part>_<figure>`; bounds end in `_low` and `_high`."""
        figures = {
            "rows": float(self.rows),
            "positive_rate": self.positive_rate,
            "mean_probability": self.mean_probability,
            "brier_score": self.brier_score,
            "log_loss": self.log_loss,
            "review_precision": self.review.precision,
            "review_recall": self.review.recall,
        }
        if self.effective_rows is not None:
            figures["effective_rows"] = self.effective_rows
        for name, interval in {"average_precision": self.average_precision, "roc_auc": self.roc_auc}.items():
            figures |= {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}
        return {f"{part}_{name}": value for name, value in figures.items()}


def evaluate(
    labels: NDArray[np.int8],
    probabilities: NDArray[np.float32],
    seed: int,
    resamples: int = RESAMPLES,
    capacity: float = REVIEW_CAPACITY,
    *,
    weights: DesignWeights = None,
) -> Evaluation:
    """Judge the probabilities of N labelled applications of both classes.

    Args:
        labels: [N], 0 or 1.
        probabilities: [N], of a divorce.
        seed: of the bootstrap.
        resamples: of the bootstrap; a thousand of 21,400 rows take a second.
        capacity: share of applications that officers can review.
        weights: [N], how many applicants each represents.
    """
    ranking = rank(labels, probabilities)
    precisions, areas = [], []
    for drawn in resample_weights(labels, weights, resamples, np.random.default_rng(seed)):
        precisions.append(resampled_average_precision(ranking, drawn))
        areas.append(resampled_roc_auc(ranking, drawn))
    return Evaluation(
        rows=labels.size,
        positive_rate=weighted_mean(labels, weights),
        mean_probability=weighted_mean(probabilities, weights),
        average_precision=percentile_interval(average_precision(ranking, weights), np.concatenate(precisions)),
        roc_auc=percentile_interval(roc_auc(ranking, weights), np.concatenate(areas)),
        brier_score=float(brier_score_loss(labels, probabilities, sample_weight=weights)),
        log_loss=float(log_loss(labels, probabilities, sample_weight=weights)),
        review=review(labels, probabilities, capacity, weights),
        effective_rows=None if weights is None else effective_size(weights),
    )


def review(
    labels: NDArray[np.int8], probabilities: NDArray[np.float32], capacity: float, weights: DesignWeights = None
) -> Review:
    """Precision and recall among the share `capacity` of highest probability, at least one row."""
    counts = count(rank(labels, probabilities), as_drawn_once(labels.size, weights))
    reviewed = reviewed_of(counts, capacity)
    found = float(hits(counts, reviewed)[0])
    return Review(capacity, found / float(reviewed[0, 0]), found / float(counts.weight.sum()))
