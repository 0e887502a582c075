"""Is a ranking better than chance? Fisher's permutation test on average precision.

A model that orders rows at random reaches a little more than the positive rate, and by how much depends on the number
of rows and on ties. So the average precision is not compared with the rate but with what the very same scores reach
on shuffled labels. The test is exact: it calls a chance ranking better at level a in at most a share a of the cases.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.statistics.average_precision import average_precision
from fraud.statistics.design_weights import DesignWeights, weights_of
from fraud.statistics.ranking import rank

PERMUTATIONS: Final = 2000
"""A p-value of 0.01 is then known to about 0.002."""


def chance_p_value(
    labels: NDArray[np.integer],
    scores: NDArray[np.floating],
    rng: np.random.Generator,
    permutations: int = PERMUTATIONS,
    *,
    weights: DesignWeights = None,
) -> float:
    """Share of shuffled labels [N] that the scores [N] rank as well as the true ones, the true ones included.

    A label keeps the weight [N] of its row, so that the shuffled rows stand for the same people.

    Raises:
        ValueError: as `rank`.
    """
    reached = average_precision(rank(labels, scores), weights)
    # Sorted once: a sort of sorted scores takes a tenth of the time.
    falling = np.sort(scores)[::-1]

    def shuffled() -> float:
        places = rng.permutation(labels.size)
        return average_precision(rank(labels[places], falling), weights_of(weights, places))

    as_good = sum(shuffled() >= reached for _ in range(permutations))
    return (1 + as_good) / (1 + permutations)
