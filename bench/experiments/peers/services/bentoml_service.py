"""Run by BentoML's environment: the booster of MODEL_FILE behind `/predict`."""

from __future__ import annotations

import os

import bentoml
import numpy as np
from numpy.typing import NDArray
from xgboost import Booster


@bentoml.service(workers=1, metrics={"enabled": False}, logging={"access": {"enabled": False}})
class Scoring:
    """Scores arrays."""

    def __init__(self) -> None:
        self._booster = Booster()
        self._booster.load_model(os.environ["MODEL_FILE"])
        self._booster.set_param("nthread", 1)

    @bentoml.api  # type: ignore[untyped-decorator]
    def predict(self, data: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rows [N, 10] -> probabilities [N]."""
        probabilities: NDArray[np.float32] = self._booster.inplace_predict(np.asarray(data, dtype=np.float32))
        return probabilities
