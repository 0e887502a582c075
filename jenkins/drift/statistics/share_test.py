"""Fisher's exact test of a share in two samples: right at any count, so also for 3 missing values where none were."""

from __future__ import annotations

import numpy as np
from scipy.stats import fisher_exact


def share_test(reference_hits: int, reference_rows: int, current_hits: int, current_rows: int) -> float:
    """Two-sided p-value; 1 when a sample is empty, or all or none of the rows are hits.

    Raises:
        ValueError: more hits than rows, or a negative count.
    """
    hits, rows = reference_hits + current_hits, reference_rows + current_rows
    if not (0 <= reference_hits <= reference_rows and 0 <= current_hits <= current_rows):
        raise ValueError(f"{reference_hits} of {reference_rows} and {current_hits} of {current_rows} are no shares")
    if hits in {0, rows} or 0 in {reference_rows, current_rows}:
        return 1.0
    table = np.array([[reference_hits, reference_rows - reference_hits], [current_hits, current_rows - current_hits]])
    return float(np.clip(fisher_exact(table).pvalue, 0.0, 1.0))
