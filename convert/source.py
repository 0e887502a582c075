"""The trained model as it was handed in: its steps, the booster's own description of itself, its answers."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from xgboost import DMatrix, XGBClassifier
from xgboost.core import XGBoostError

from convert.errors import ConversionError, UnsupportedModelError

Matrix = NDArray[np.float32]
"""Applications, [N, 10], columns in the order of `fraud.features`; NaN = missing."""

Vector = NDArray[np.float32]
"""One number a row, [N]."""


@dataclass(frozen=True, slots=True)
class Source:
    """A trained model: zero or more `scalers`, then an XGBoost `classifier`.

    `document` is the booster as XGBoost writes it to a JSON model file, its `learner` object only. It is what counts:
    the constructor's parameters may be unset (a model loaded from a file) or outdated (a shifted base score).
    """

    model: Pipeline | XGBClassifier
    scalers: tuple[Any, ...]
    classifier: XGBClassifier
    document: dict[str, Any]

    def margin(self, x: Matrix) -> Vector:
        """Log-odds by the trained model itself, [N]."""
        with array_input():
            margin: Vector = self.model.predict(x, output_margin=True)
        return margin

    def probability(self, x: Matrix) -> Vector:
        """Probability of class 1 by the trained model itself, [N]."""
        with array_input():
            probability: Vector = self.model.predict_proba(x)[:, 1]
        return probability

    def contributions(self, x: Matrix) -> Matrix:
        """Contributions to the log-odds by XGBoost itself: of each feature, then the expected value, [N, 11]."""
        with array_input():
            scaled = x
            for scaler in self.scalers:
                scaled = scaler.transform(scaled)
        rows = DMatrix(np.asarray(scaled, dtype=np.float32))
        booster = self.classifier.get_booster()
        found: Matrix = booster.predict(rows, pred_contribs=True, validate_features=False)
        return found


def open_source(model: Pipeline | XGBClassifier) -> Source:
    """Take the model apart.

    Raises:
        UnsupportedModelError: the last step is not an XGBClassifier, or it is not fitted.
    """
    steps = [step for _, step in model.steps] if isinstance(model, Pipeline) else [model]
    *scalers, classifier = steps
    if not isinstance(classifier, XGBClassifier):
        found = f"the last step is a {type(classifier).__name__}"
        raise UnsupportedModelError("classifier", found, "end the pipeline with an xgboost.XGBClassifier")
    try:
        booster = classifier.get_booster()
    except NotFittedError as error:
        raise UnsupportedModelError("fitted", "the classifier has no trees yet", "fit it first") from error
    document: dict[str, Any] = json.loads(booster.save_raw("json"))["learner"]
    kept = tuple(scaler for scaler in scalers if scaler is not None and scaler != "passthrough")
    return Source(model, kept, classifier, document)


def load_classifier(path: Path) -> XGBClassifier:
    """Read a classifier that XGBoost saved (.ubj or .json).

    Raises:
        ConversionError: there is no such file, or XGBoost can't read it.
    """
    classifier = XGBClassifier()
    try:
        classifier.load_model(path)
    except UnicodeDecodeError as error:  # it quotes what it found, and can't
        raise ConversionError(
            f"{path}: XGBoost can't read the model; expected a file that `save_model` wrote, .ubj or .json, no pickle"
        ) from error
    except (XGBoostError, TypeError) as error:
        # XGBoost puts the time and its source line in front, and appends its stack trace.
        reason = re.sub(r"^\[.*?\] \S+: ", "", str(error).partition("\n")[0])
        raise ConversionError(f"{path}: XGBoost can't read the model ({reason})") from error
    return classifier


@contextmanager
def array_input() -> Iterator[None]:
    """Hand a plain matrix to scikit-learn without warnings for the block."""
    # A scaler fitted on a data frame warns at every matrix; that its columns have our names was checked before. Sums
    # of huge values, by which scikit-learn looks for infinities, overflow.
    with warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
        warnings.filterwarnings("ignore", message="X does not have valid feature names", category=UserWarning)
        yield
