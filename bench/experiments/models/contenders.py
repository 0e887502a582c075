"""The contenders, each with a few settings of its own: the best of them counts, as the search's does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer
from xgboost import XGBClassifier

HALF_LIFE_DAYS: Final = 180.0
"""Of an application's weight; the same for all."""
TREES: Final = 120
LEARNING_RATE: Final = 0.1
LEAVES: Final = (8, 16, 32)
PENALTIES: Final = (0.01, 0.1, 1.0)


@dataclass(frozen=True, slots=True)
class Contender:
    """A kind of model with one of its settings."""

    name: str
    setting: str
    make: Callable[[int], Any]
    """A classifier of scikit-learn's form that may use this number of threads."""

    def fit(
        self, x: NDArray[np.float32], y: NDArray[np.int8], weights: NDArray[np.float32], threads: int
    ) -> Callable[[NDArray[np.float32]], NDArray[np.float64]]:
        """Learn applications [N, 10]; returns a function that predicts probabilities."""
        model = self.make(threads)
        step = f"{model.steps[-1][0]}__sample_weight" if hasattr(model, "steps") else "sample_weight"
        model.fit(x, y, **{step: weights})
        return lambda rows: np.asarray(model.predict_proba(rows)[:, 1], np.float64)


def contenders() -> Iterator[Contender]:
    """All of them; LightGBM is in the environment of tests and tools alone."""
    for penalty in PENALTIES:
        yield Contender("logistic regression", f"C {penalty:g}", partial(_logistic, penalty))
    for leaves in LEAVES:
        yield Contender("histogram boosting (scikit-learn)", f"{leaves} leaves", partial(_histogram_boosting, leaves))
        yield Contender("LightGBM", f"{leaves} leaves", partial(_lightgbm, leaves))
        depth = leaves.bit_length() - 1
        yield Contender("XGBoost", f"depth {depth}", partial(_xgboost, depth))


def _logistic(penalty: float, _threads: int) -> Any:
    # Incomes and days are skewed, and 365243 means "not employed": a linear model needs ranks.
    ranks = QuantileTransformer(subsample=50_000, random_state=1)
    return make_pipeline(ranks, LogisticRegression(C=penalty, max_iter=500))


def _histogram_boosting(leaves: int, _threads: int) -> Any:
    return HistGradientBoostingClassifier(
        max_iter=TREES, learning_rate=LEARNING_RATE, max_leaf_nodes=leaves, early_stopping=False, random_state=1
    )


def _lightgbm(leaves: int, threads: int) -> Any:
    from lightgbm import LGBMClassifier  # noqa: PLC0415 - not in every environment

    return LGBMClassifier(
        n_estimators=TREES, learning_rate=LEARNING_RATE, num_leaves=leaves, n_jobs=threads, random_state=1, verbose=-1
    )


def _xgboost(depth: int, threads: int) -> Any:
    return XGBClassifier(
        n_estimators=TREES,
        learning_rate=LEARNING_RATE,
        max_depth=depth,
        tree_method="hist",
        n_jobs=threads,
        random_state=1,
    )
