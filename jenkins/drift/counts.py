"""What a check compares: values in each bin, at training and now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.reference_profile import PREDICTION
from fraud.statistics.binning import BinKind, Bins

IN_RANGE: Final = frozenset({BinKind.ORDINARY, BinKind.POINT})


@dataclass(frozen=True, slots=True, eq=False)
class VariableCounts:
    """One variable: a feature, or the predicted probability.

    Raises:
        ValueError: the counts don't fit to the bins, or a side has no row.
    """

    name: str
    bins: Bins
    reference: NDArray[np.int64]
    """Rows in each bin [k + 2] of the applications that the model was trained on."""
    current: NDArray[np.int64]
    """The same of the window that is checked."""
    importance: float | None = None
    """Share of the model's gain that the feature brings; None where it isn't known."""

    def __post_init__(self) -> None:
        """Refuse counts that can't be."""
        for side, counts in (("reference", self.reference), ("current", self.current)):
            if counts.shape != (len(self.bins.kinds),):
                raise ValueError(f"{self.name}: {len(self.bins.kinds)} bins, but {counts.shape} {side} counts")
            if counts.min() < 0 or counts.sum() == 0:
                raise ValueError(f"{self.name}: {side} counts must not be negative, nor all 0")

    @property
    def is_prediction(self) -> bool:
        """Whether this is what the model answers, and no feature."""
        return self.name == PREDICTION

    @property
    def in_range(self) -> NDArray[np.bool_]:
        """Bins whose values the reference holds [k + 2]."""
        return np.array([kind in IN_RANGE for kind in self.bins.kinds]) & (self.reference > 0)


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """Applications whose label counts by now (`LABEL_MATURITY_DAYS`), and how many of them divorced."""

    reference_rows: int
    reference_positives: int
    current_rows: int
    current_positives: int
