"""Two models on the same rows: a paired, stratified bootstrap of the difference of their figures.

Both models are judged on the same resamples, so what a resample makes easy or hard cancels out of the difference: of
two models that agree on most rows it varies far less than either figure does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.statistics.average_precision import counted_average_precision
from fraud.statistics.bootstrap import percentile_interval, resample_weights
from fraud.statistics.design_weights import DesignWeights, as_drawn_once
from fraud.statistics.interval import Interval
from fraud.statistics.ranking import Ranking, count, rank
from fraud.statistics.review import hits, reviewed_of

RESAMPLES: Final = 4000
"""A bound at the level 0.01 is then the 40th smallest difference; 20,000 rows take seconds."""


@dataclass(frozen=True, slots=True)
class PairedFigure:
    """One figure of champion and candidate."""

    champion: float
    candidate: float
    champion_resampled: NDArray[np.float64]
    """[B], on the same resamples as the candidate's."""
    candidate_resampled: NDArray[np.float64]

    @property
    def differences(self) -> NDArray[np.float64]:
        """Candidate minus champion on each resample [B]."""
        return self.candidate_resampled - self.champion_resampled

    @property
    def champion_interval(self) -> Interval:
        """The champion's figure with its 95% interval."""
        return percentile_interval(self.champion, self.champion_resampled)

    @property
    def candidate_interval(self) -> Interval:
        """The candidate's figure with its 95% interval."""
        return percentile_interval(self.candidate, self.candidate_resampled)

    @property
    def difference(self) -> Interval:
        """Candidate minus champion, with its 95% interval."""
        return percentile_interval(self.candidate - self.champion, self.differences)

    def lower_bound(self, level: float) -> float:
        """One-sided: the true difference lies below it in a share `level` of the cases (percentile method)."""
        return float(np.quantile(self.differences, level))

    @property
    def probability_higher(self) -> float:
        """Share of resamples in which the candidate's figure is the higher one; equal ones count one half."""
        differences = self.differences
        return float(np.mean(differences > 0) + np.mean(differences == 0) / 2)


@dataclass(frozen=True, slots=True)
class Comparison:
    """All figures of the pair; those of the review hold when the rows of highest probability are reviewed."""

    average_precision: PairedFigure
    review_precision: PairedFigure
    review_recall: PairedFigure
    brier_score: PairedFigure


def compare(
    labels: NDArray[np.integer],
    champion: NDArray[np.float32],
    candidate: NDArray[np.float32],
    *,
    review_capacity: float,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    weights: DesignWeights = None,
) -> Comparison:
    """Judge the probabilities of two models for N labelled rows.

    Args:
        labels: [N], 0 or 1, both present.
        champion: probabilities [N] of the model in production.
        candidate: probabilities [N] of the model that wants to follow it.
        review_capacity: share of rows that is reviewed.
        rng: draws the resamples.
        resamples: how many; without weights each has as many positive and negative rows as there are.
        weights: [N], how many applicants each row represents; every figure is then theirs.
    """
    models = [_Model(labels, scores, review_capacity) for scores in (champion, candidate)]
    as_they_are = [model.figures(as_drawn_once(labels.size, weights))[:, 0] for model in models]
    drawn = resample_weights(labels, weights, resamples, rng)
    blocks = [[model.figures(block) for model in models] for block in drawn]
    resampled = [np.concatenate(figures, axis=1) for figures in zip(*blocks, strict=True)]
    return Comparison(
        *(
            PairedFigure(float(as_they_are[0][i]), float(as_they_are[1][i]), resampled[0][i], resampled[1][i])
            for i in range(4)
        )
    )


class _Model:
    """One model's probabilities, ranked once for all resamples."""

    __slots__ = ("_capacity", "_ranking", "_squared_errors")

    def __init__(self, labels: NDArray[np.integer], probabilities: NDArray[np.float32], capacity: float) -> None:
        self._ranking: Ranking = rank(labels, probabilities)
        self._squared_errors = np.square(probabilities.astype(np.float64) - labels)
        self._capacity = capacity

    def figures(self, weights: NDArray[np.int32] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Average precision, precision and recall of the review, and Brier score under weights [B, N] -> [4, B]."""
        counts = count(self._ranking, weights)
        reviewed = reviewed_of(counts, self._capacity)
        found = hits(counts, reviewed)
        return np.stack(
            (
                counted_average_precision(counts),
                found / reviewed[:, 0],
                found / counts.weight.sum(axis=1),
                weights @ self._squared_errors / counts.rows[:, 0],
            )
        )
