"""Who has no job: a share of each age, and always those with the highest employment scores there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from scipy.special import ndtr

from initdb.marginals import QuantileFunction
from initdb.profile import Bin, FloatArray
from initdb.public_table import NOT_EMPLOYED_DAYS

RANK_LEVELS: Final = ndtr(np.linspace(-4.5, 4.5, 1001))
"""Levels at which the scores of the employed are kept, to turn a score into its rank among them: dense in the tails."""


@dataclass(frozen=True, slots=True)
class EmploymentTable:
    """Per age bin the score above which an applicant has no job, and the scores of the employed by rank."""

    age_edges: FloatArray
    thresholds: FloatArray
    employed_scores: FloatArray

    @classmethod
    def fit(cls, shares: tuple[Bin, ...], age: FloatArray, score: FloatArray) -> Self:
        """From a sample's ages (days) and employment scores."""
        edges = np.array([each.lower for each in shares[1:]])
        group = np.searchsorted(edges, age, side="right")
        thresholds = np.array([np.quantile(score[group == i], 1.0 - each.share) for i, each in enumerate(shares)])
        employed = score[score <= thresholds[group]]
        return cls(edges, np.round(thresholds, 4), np.round(np.quantile(employed, RANK_LEVELS), 4))

    def days(self, age: FloatArray, score: FloatArray, employed_days: QuantileFunction) -> FloatArray:
        """Days in the job, 365243 for those without one."""
        threshold = self.thresholds[np.searchsorted(self.age_edges, age, side="right")]
        rank = np.interp(score, self.employed_scores, RANK_LEVELS)
        return np.where(score > threshold, float(NOT_EMPLOYED_DAYS), np.rint(employed_days(rank)))
