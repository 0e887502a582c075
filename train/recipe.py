"""A recipe: all that has to be known, beside the applications, to fit a model; both models of a version share it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Self

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from xgboost import Booster, XGBClassifier

from fraud.features import FEATURE_NAMES
from train.dataset import Dataset
from train.errors import RecipeError
from train.growing import Grow, grow

STEP: Final = "model"
"""Name of the pipeline's single step."""


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hyperparameters, in the order of a model's simplicity where figures are equal."""

    max_depth: int
    trees: int
    learning_rate: float
    sample_share: float
    """Share of rows drawn for a tree, and of columns."""
    min_child_weight: float
    half_life_days: float | None
    """Days after which an application counts half as much as the newest; None: all count the same."""
    monotone: dict[str, int] = {}
    """Direction (1 rises, -1 falls) by name of the features in which the probability may only go one way."""
    excluded: tuple[str, ...] = ()
    """Features on which no tree splits, in the order of the matrix."""

    @property
    def leaves(self) -> int:
        """The most that its trees can have: how complex the model is."""
        leaves: int = self.trees * 2**self.max_depth
        return leaves

    def parameters(self, seed: int, threads: int) -> dict[str, Any]:
        """The recipe in the terms of XGBoost, but for the number of trees."""
        constraints = tuple(self.monotone.get(name, 0) for name in FEATURE_NAMES)
        return {
            "objective": "binary:logistic",
            "tree_method": "hist",
            "max_depth": self.max_depth,
            "learning_rate": self.learning_rate,
            "subsample": self.sample_share,
            "colsample_bytree": self.sample_share,
            "min_child_weight": self.min_child_weight,
            **({"monotone_constraints": constraints} if any(constraints) else {}),
            "random_state": seed,
            "n_jobs": threads,
        }

    def weights(self, dataset: Dataset) -> NDArray[np.float32] | None:
        """Of applications [N] to fit on; None: all weigh the same.

        An application's weight is the number of applicants that it represents, times its recency; the newest with a
        mean design weight have 1.
        """
        recency = None if self.half_life_days is None else recency_weights(dataset.dates, self.half_life_days)
        if dataset.weights is None:
            return recency
        # Around 1, so that regularisation and the least child weight hold for as many rows as ever.
        design = np.asarray(dataset.weights / dataset.weights.mean(), np.float32)
        return design if recency is None else design * recency

    def seen(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """The matrix [N, F] that trees are fitted on: nothing splits on a column that says the same of everybody.

        Its width stays, and so do converter, engines and clients.
        """
        if not self.excluded:
            return x
        blanked = x.copy()
        blanked[:, [FEATURE_NAMES.index(name) for name in self.excluded]] = 0
        return blanked

    def fit(self, dataset: Dataset, seed: int, threads: int, grown_by: Grow = grow) -> Pipeline:
        """A scikit-learn pipeline that holds exactly the recipe's trees, not calibrated yet."""
        model = XGBClassifier(n_estimators=self.trees, **self.parameters(seed, threads))
        # The classifier's own `fit` would hold all rows in memory.
        model.load_model(self.grow(dataset, seed, threads, grown_by).save_raw("ubj"))
        return Pipeline([(STEP, model)])

    def grow(self, dataset: Dataset, seed: int, threads: int, grown_by: Grow = grow) -> Booster:
        """The trees alone.

        The same data, seed and recipe give the same trees, whatever the number of threads.
        """
        return grown_by(self.parameters(seed, threads), self.trees, dataset, self.weights(dataset), self.seen)

    def facts(self) -> dict[str, str]:
        """As a person reads it, by name."""
        half_life = "none" if self.half_life_days is None else f"{self.half_life_days:g} days"
        return {
            "trees": f"{self.trees} of depth {self.max_depth}",
            "learning rate": f"{self.learning_rate:g}",
            "sampling of rows and columns": f"{self.sample_share:g}",
            "least child weight": f"{self.min_child_weight:g}",
            "half-life of an application's weight": half_life,
            "monotone in": ", ".join(sorted(self.monotone)) or "no feature",
            "features left out": ", ".join(self.excluded) or "none",
        }

    def to_json(self) -> bytes:
        """As the tag of a version."""
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read the text of `to_json`.

        Raises:
            RecipeError: it is something else.
        """
        try:
            return msgspec.json.decode(data, type=cls)
        except msgspec.MsgspecError as error:
            raise RecipeError(f"the recipe can't be read: {error}") from None


def recency_weights(dates: NDArray[np.datetime64], half_life_days: float) -> NDArray[np.float32]:
    """Of applications on rising days [N]: the newest weigh 1, one that is a half-life older half of it."""
    age_days = (dates[-1] - dates).astype("timedelta64[D]").astype(np.float64)
    return np.asarray(0.5 ** (age_days / half_life_days), np.float32)


def checked_monotone(monotone: Mapping[str, int]) -> dict[str, int]:
    """The directions, once it is certain that each names a feature and is 1 or -1.

    Raises:
        RecipeError: one does not.
    """
    wrong = {name: way for name, way in monotone.items() if name not in FEATURE_NAMES or way not in (1, -1)}
    if wrong:
        raise RecipeError(f"no direction of a feature: {wrong}; expected a name of fraud.features and 1 or -1")
    return dict(monotone)


def checked_excluded(names: Iterable[str]) -> tuple[str, ...]:
    """The features of these names in the order of the matrix, each once.

    Raises:
        RecipeError: one is no feature, or none is left to learn from.
    """
    given = set(names)
    unknown = sorted(given - set(FEATURE_NAMES))
    if unknown:
        raise RecipeError(f"no feature to leave out: {', '.join(unknown)}; there are {', '.join(FEATURE_NAMES)}")
    if given == set(FEATURE_NAMES):
        raise RecipeError("every feature is left out: a model needs one at least")
    return tuple(name for name in FEATURE_NAMES if name in given)
