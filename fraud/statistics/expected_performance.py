"""Confidence-based performance estimation (CBPE): what a model's ranking is worth on rows without labels.

A row of probability p is counted as p divorces and 1 - p others, and the figures are computed on these expected
counts. That is right as long as the probabilities are: when applicants change in what the model knows of them
(covariate shift) it sees what this costs. When the same applicants behave otherwise (concept drift), it sees nothing;
only labels do. Average precision and ROC AUC are ratios, whose expectations it estimates to within about 1/rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class Performance:
    """Expected figures of a model on rows without labels, if its probabilities are right."""

    average_precision: float
    roc_auc: float
    brier_score: float
    positive_rate: float


def expected_performance(probabilities: ArrayLike, rows: ArrayLike | None = None) -> Performance:
    """Expected figures of N calibrated probabilities, each representing a number of rows (default: 1).

    Raises:
        ValueError: none is given, or one is not between 0 and 1.
    """
    p = np.asarray(probabilities, np.float64)
    weight = np.ones_like(p) if rows is None else np.asarray(rows, np.float64)
    if p.size == 0 or not ((p >= 0) & (p <= 1)).all() or weight.sum() <= 0:
        raise ValueError("performance needs at least one probability, each between 0 and 1")
    scores, group = np.unique(-p, return_inverse=True)
    held = np.bincount(group, weights=weight, minlength=scores.size)
    positives = np.bincount(group, weights=weight * p, minlength=scores.size)
    negatives = held - positives
    precision = np.cumsum(positives) / np.cumsum(held)
    expected, others = positives.sum(), negatives.sum()
    # Pairs of a divorce and another row: in order when the other is behind, half when both are in one group.
    ordered = (positives * (others - np.cumsum(negatives) + negatives / 2)).sum()
    return Performance(
        average_precision=float((positives * precision).sum() / expected) if expected else float("nan"),
        roc_auc=float(ordered / (expected * others)) if expected and others else float("nan"),
        brier_score=float((weight * p * (1 - p)).sum() / weight.sum()),
        positive_rate=float(expected / weight.sum()),
    )
