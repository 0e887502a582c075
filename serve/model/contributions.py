"""What a model can tell of its answers: how much each feature of an application adds to the log-odds."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Contributions(Protocol):
    """Path-dependent TreeSHAP of one version, in log-odds."""

    @property
    def base(self) -> float:
        """Log-odds of the expected value."""

    def effects(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features [N, F] -> effects [N, F]; `base` and a row's sum are the log-odds of the probability served."""
