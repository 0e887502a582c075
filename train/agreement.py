"""Whether a shipped model is what its judged twin promises: the gate's figures are the twin's, the answers are not.

Both come of one recipe, and the shipped one knows the newest tenth of the applications in addition. So it may differ,
and where applicants change it has to; but a model that orders applicants again, or sends others to review, is another
model than the one that was judged, whatever the reason: a fault of the data's newest part, of the fit, of a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from fraud.statistics.design_weights import DesignWeights, weighted_mean
from fraud.statistics.psi import score_psi
from fraud.statistics.review import review_border

LEAST_RANK_CORRELATION: Final = 0.75
MOST_PSI: Final = 2.0
MOST_CHANGED: Final = 0.8
"""Of the decisions that can change at all: twice the share that is reviewed.

Refits keep far from these bounds where applicants stay as they are: 0.98, 0.07 and 0.24 at most in the later months of
the reference data. In the first month of its new wave, which the twin does not know, a good refit has 0.88, 1.3 and
0.39, and with 4,000 applications chance alone brings 0.78 and 0.79. An order by chance has 0 and 0.95.
"""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of two models on the same applications."""

    rank_correlation: float
    """Spearman's."""
    psi: float
    """Population stability index of the probabilities, in tenths of the twin's."""
    changed_decisions: float
    """Share of applications that one model has reviewed and the other has not."""
    most_changed: float
    """The most that this share can be."""

    def surprises(self) -> Iterator[str]:
        """A sentence for each bound that is broken."""
        if not self.rank_correlation >= LEAST_RANK_CORRELATION:
            yield f"rank correlation {self.rank_correlation:.3f}, below {LEAST_RANK_CORRELATION:g}"
        if not self.psi <= MOST_PSI:
            yield f"PSI of the probabilities {self.psi:.3f}, above {MOST_PSI:g}"
        if not self.changed_decisions <= MOST_CHANGED * self.most_changed:
            yield (
                f"the decision of {self.changed_decisions:.2%} of the applications changes, "
                f"above {MOST_CHANGED:.0%} of the {self.most_changed:.0%} that can change"
            )

    def __str__(self) -> str:
        """As a phrase."""
        return (
            f"rank correlation {self.rank_correlation:.3f}, PSI {self.psi:.3f}, "
            f"{self.changed_decisions:.2%} of the decisions changed"
        )


def agreement(
    twin: NDArray[np.float32], shipped: NDArray[np.float32], review_capacity: float, weights: DesignWeights = None
) -> Agreement:
    """Compare the probabilities [N] of both models for the same applications; with weights, of whom they stand for."""
    return Agreement(
        rank_correlation=rank_correlation(twin, shipped, weights),
        psi=score_psi(twin, shipped, weights),
        changed_decisions=flipped_share(twin, shipped, review_capacity, weights),
        most_changed=2 * min(review_capacity, 1 - review_capacity),
    )


def rank_correlation(one: NDArray[np.float32], other: NDArray[np.float32], weights: DesignWeights = None) -> float:
    """Spearman's, of the probabilities [N] of two models for the same applications.

    With weights ranks are those among all whom the rows stand for.
    """
    # A model that says the same of everybody has no order to compare.
    if one.min() == one.max() or other.min() == other.max():
        return float(np.array_equal(one, other))
    if weights is None:
        return float(spearmanr(one, other).statistic)
    covariance = np.cov([_mean_ranks(one, weights), _mean_ranks(other, weights)], aweights=weights)
    return float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))


def flipped_share(
    one: NDArray[np.float32], other: NDArray[np.float32], review_capacity: float, weights: DesignWeights = None
) -> float:
    """Share of N rows which one model has reviewed and the other has not; rows tied at the border are all reviewed."""
    decisions = [scores >= review_border(scores, review_capacity, weights) for scores in (one, other)]
    return weighted_mean(decisions[0] != decisions[1], weights)


def _mean_ranks(scores: NDArray[np.float32], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """[N], the same of rows that are tied."""
    _, group = np.unique(scores, return_inverse=True)
    held = np.bincount(group, weights=weights)
    ranks: NDArray[np.float64] = (np.cumsum(held) - held / 2)[group]
    return ranks
