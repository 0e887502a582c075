"""Holm's correction (Holm 1979): of many tests without any change, how often is any of them called significant?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def holm(p_values: Sequence[float]) -> NDArray[np.float64]:
    """Adjusted p-values, in the given order: below a level in at most that share of families without a change.

    It asks for no independence, and it is never weaker than Bonferroni's.
    """
    given = np.asarray(p_values, np.float64)
    order = np.argsort(given, kind="stable")
    adjusted = np.empty_like(given)
    adjusted[order] = np.maximum.accumulate(given[order] * np.arange(given.size, 0, -1))
    return np.minimum(adjusted, 1.0)
