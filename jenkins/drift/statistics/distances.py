"""The usual measures of how large a change is, side by side."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import jensenshannon

from fraud.statistics.psi import psi
from jenkins.drift.counts import VariableCounts
from jenkins.drift.result import Distances
from jenkins.drift.statistics.wasserstein import normalised_wasserstein


def distances(counts: VariableCounts) -> Distances:
    """Of one variable, over all its bins."""
    return Distances(
        psi=psi(counts.reference, counts.current),
        # Rounding may leave a tiny negative under scipy's root, for equal shares.
        jensen_shannon=float(np.nan_to_num(jensenshannon(counts.reference, counts.current, base=2))),
        wasserstein=normalised_wasserstein(counts.bins, counts.reference, counts.current),
    )
