"""Grows trees on applications slice by slice, from disk, so that there may be more of them than memory holds.

XGBoost reads the slices twice, for the quantiles of each feature and for the bins. Bins go to a temporary folder, and
trees are grown on one slice after the other. The sketch that finds the quantiles takes rows one by one, so the trees
are those of the whole matrix at once, bit for bit (`tests/train/test_growing.py`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import xgboost
from numpy.typing import NDArray

from train.array_file import slices
from train.dataset import Dataset

Rows = NDArray[np.float32]
"""[N, F]."""
Seen = Callable[[Rows], Rows]
"""What trees see of the features of some rows."""


class Grow(Protocol):
    """Grows trees as `grow` does, here or elsewhere."""

    def __call__(
        self,
        parameters: Mapping[str, Any],
        trees: int,
        dataset: Dataset,
        weights: NDArray[np.float32] | None,
        seen: Seen,
    ) -> xgboost.Booster:
        """Grow them."""


def grow(
    parameters: Mapping[str, Any],
    trees: int,
    dataset: Dataset,
    weights: NDArray[np.float32] | None,
    seen: Seen,
) -> xgboost.Booster:
    """Grow trees; the same arguments give the same ones, whatever the number of threads.

    Args:
        parameters: of XGBoost.
        trees: how many.
        dataset: N applications.
        weights: how much each counts [N]; None: all the same.
        seen: what trees see of the features of some rows.
    """
    with tempfile.TemporaryDirectory(prefix="training") as folder:
        given = _Slices(dataset, weights, seen, Path(folder, "bins"))
        matrix = xgboost.ExtMemQuantileDMatrix(given, nthread=parameters["n_jobs"])
        booster = xgboost.train(dict(parameters), matrix, num_boost_round=trees)
        del matrix  # removes its files itself, and complains where they are gone
    return booster


class _Slices(xgboost.DataIter):  # type: ignore[misc]  # XGBoost's classes have no types here
    """Gives XGBoost one slice after the other, as often as it begins again."""

    def __init__(self, dataset: Dataset, weights: NDArray[np.float32] | None, seen: Seen, cache: Path) -> None:
        self._dataset, self._weights, self._seen = dataset, weights, seen
        self._left = slices(dataset.y.size)
        super().__init__(cache_prefix=str(cache))

    def reset(self) -> None:
        """Start over."""
        self._left = slices(self._dataset.y.size)

    def next(self, input_data: Callable[..., Any]) -> bool:
        """Give the next slice; False: there is none."""
        rows = next(self._left, None)
        if rows is None:
            return False
        weights = None if self._weights is None else self._weights[rows]
        input_data(data=self._seen(self._dataset.x[rows]), label=self._dataset.y[rows], weight=weights)
        return True
