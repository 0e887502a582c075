"""What is kept of one answered request."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class PredictionRecord:
    """One request and its answer: `features` is float32 [N, 10], `probabilities` float32 [N], row by row."""

    record_id: uuid.UUID
    request_id: str
    received_at: dt.datetime
    endpoint: str
    model_version: int
    load_test: bool
    application_ids: Sequence[str | None] | None
    features: NDArray[np.float32]
    probabilities: NDArray[np.float32]

    @property
    def row_count(self) -> int:
        """Number of predictions in the record."""
        return len(self.probabilities)
