"""Models whose contributions XGBoost itself can say, and tables of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from xgboost import XGBClassifier

from convert.booster_forest import read_covers, read_forest
from convert.contributions.filling import fill
from convert.scaler_folding import fold
from convert.source import open_source
from serve.engine.contributions import Contributions
from serve.engine.contributions.tables import ContributionTables
from tests.convert.small_models import Matrix, edited, trees_of


def tables_of(model: Any) -> ContributionTables:
    source = open_source(model)
    return fill(fold(read_forest(source), source), read_covers(source))


def contributions_of(model: Any) -> Contributions:
    return Contributions(tables_of(model))


def by_xgboost(model: Any, rows: Matrix) -> tuple[Matrix, float]:
    """Effects [N, 10] and the expected value."""
    found = open_source(model).contributions(rows)
    return found[:, :-1], float(found[0, -1])


def with_covers(model: XGBClassifier, seed: int) -> XGBClassifier:
    """A model of hand-made trees with covers as if rows had reached their leaves."""
    generator = np.random.default_rng(seed)

    def cover(learner: dict[str, Any]) -> None:
        for tree in trees_of(learner):
            left, right = tree["left_children"], tree["right_children"]
            covers: NDArray[np.float32] = generator.lognormal(2, 1.5, len(left)).astype(np.float32)
            for node in reversed(range(len(left))):
                if left[node] >= 0:
                    covers[node] = covers[left[node]] + covers[right[node]]
            tree["sum_hessian"] = covers.tolist()

    return edited(model, cover)
