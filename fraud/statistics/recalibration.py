"""How far probabilities are from the outcomes, as a line in log-odds, with its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.statistics.design_weights import DesignWeights

STEPS: Final = 50
"""Of Newton's method, which takes five where it converges at all."""
TOLERANCE: Final = 1e-10
CLOSEST: Final = 1e-6
"""To 0 and 1: a probability that is nearer has no log-odds worth a line."""


@dataclass(frozen=True, slots=True, eq=False)
class Recalibration:
    """Log-odds = intercept + slope * given log-odds, by maximum likelihood (Cox 1958)."""

    line: NDArray[np.float64]
    """Intercept and slope [2]."""
    covariance: NDArray[np.float64]
    """Of their estimates [2, 2]: without weights the inverse of the observed information."""

    def lines(self, draws: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Lines as likely as the labels make them, [draws, 2]: normal about the estimate."""
        return rng.multivariate_normal(self.line, self.covariance, draws, method="cholesky")


def fit_recalibration(
    labels: NDArray[np.integer], probabilities: NDArray[np.floating], weights: DesignWeights = None
) -> Recalibration:
    """The line of N labelled rows, which hold both labels; with weights, of all whom they stand for.

    Then the covariance is what the rows themselves tell (the sandwich, Binder 1983), and not as many as they stand for.

    Where probabilities say nothing, or all are the same, the slope stays 1 and the mean alone is put right.
    """
    given = log_odds(probabilities)
    design = np.column_stack((np.ones_like(given), given))
    line = np.array([0.0, 1.0])
    free = slice(0, 2 if np.ptp(given) > 0 else 1)
    weight = np.ones_like(given) if weights is None else weights
    for _ in range(STEPS):
        expected = 1 / (1 + np.exp(-(design @ line)))
        information = (design * (weight * expected * (1 - expected))[:, np.newaxis]).T @ design
        step = np.linalg.solve(information[free, free], (design.T @ (weight * (labels - expected)))[free])
        line[free] += step
        if np.abs(step).max() < TOLERANCE:
            break
    covariance = np.zeros((2, 2))
    covariance[free, free] = np.linalg.inv(information[free, free])
    if weights is not None:
        scores = design * (weight * (labels - expected))[:, np.newaxis]
        covariance = covariance @ (scores.T @ scores) @ covariance
    # A slope without uncertainty would have no Cholesky factor.
    return Recalibration(line, covariance + 1e-15 * np.eye(2))


def recalibrated(line: NDArray[np.float64], given: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities [N] by a line, of given log-odds [N]."""
    return np.asarray(1 / (1 + np.exp(-(line[0] + line[1] * given))), np.float64)


def log_odds(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Of probabilities [N]."""
    kept = np.clip(probabilities.astype(np.float64), CLOSEST, 1 - CLOSEST)
    return np.asarray(np.log(kept / (1 - kept)), np.float64)
