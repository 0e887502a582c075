"""What the training data hold beyond the reference's range: whether a retraining could learn such values."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fraud.features import FEATURE_NAMES
from fraud.statistics.binning import BinKind
from jenkins.drift.counts import VariableCounts
from train.dataset import load_dataset
from train.errors import DatasetError

BEYOND = (BinKind.BELOW, BinKind.ABOVE)


@dataclass(slots=True)
class TrainingData:
    """The applications that a retraining would see, read once and only when somebody asks."""

    dsn: str
    cutoff: dt.date
    """Applications from this day on are unknown to it."""
    known_before: dt.datetime | None = None
    """Outcomes that were recorded from this moment on are too; None: none of them."""
    _features: NDArray[np.float32] | None = field(default=None, init=False)

    def beyond(self, counts: VariableCounts) -> int:
        """Applications whose value lies beyond the reference's range; none where nothing can be trained on.

        Raises:
            DatabaseError: PostgreSQL does not answer, or refuses.
        """
        if self._features is None:
            self._features = self._read()
        column = self._features[:, FEATURE_NAMES.index(counts.name)]
        outside = [kind in BEYOND for kind in counts.bins.kinds]
        return int(counts.bins.count(column)[outside].sum())

    def _read(self) -> NDArray[np.float32]:
        try:
            return load_dataset(self.dsn, self.cutoff, self.known_before).x
        except DatasetError:
            return np.empty((0, len(FEATURE_NAMES)), np.float32)
