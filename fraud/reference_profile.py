"""The reference profile of a version: its training applications as counts in bins.

It is written once, with the version, and never changes: the bins are frozen, so counts of any hours can be added up.

Two parts of the data are counted. `counts` are those of the *recent* part: the newest fifth of what the version knew.
The probabilities counted there are not those of the model that serves, which knows these rows, but cross-fitted ones:
of the same recipe, fitted on all but the row's block of days, and calibrated as the model is. `training_counts` are
those of all that is older, which reaches back for years. By default a check compares with the recent part: if
applicants have changed within those years, the older part differs from them for years to come, and no retraining could
ever end the drift.
"""

from __future__ import annotations

import datetime as dt
from typing import Final, Self

import msgspec

from fraud.errors import ProjectError
from fraud.features import FEATURE_NAMES
from fraud.statistics.binning import Bins

PROFILE_FILE: Final = "reference_profile.json"
"""Among the files of a version."""

PREDICTION: Final = "probability"
"""Name of the predicted probability among the variables."""

VARIABLES: Final = (*FEATURE_NAMES, PREDICTION)
"""In the order in which they are counted."""


class ReferenceProfileError(ProjectError):
    """A reference profile is invalid, or belongs to another version."""


class VariableReference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One variable: a feature, or the predicted probability."""

    name: str
    thresholds: list[float]
    """Of its bins; each a float32."""
    kinds: list[str]
    """Of its bins."""
    counts: list[int]
    """Rows of the recent part in each bin."""
    training_counts: list[int] | None
    """Rows of the older part in each bin; None of the probability, which would be no honest one there."""
    importance: float | None
    """Share of the model's gain that the feature brings; None of the probability."""

    def bins(self) -> Bins:
        """The bins; raises ValueError when these are none."""
        return Bins.from_plain({"thresholds": self.thresholds, "kinds": self.kinds})


class ReferenceProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The applicants that a version was trained on."""

    model_sha256: str
    """Of `model.onnx`, lower-case hexadecimal."""
    data_cutoff: dt.date
    first_day: dt.date
    """Of the recent part."""
    last_day: dt.date
    """Of the recent part."""
    rows: int
    """Of the recent part."""
    positives: int
    """Divorces in the recent part."""
    training_rows: int
    training_positives: int
    variables: list[VariableReference]
    positives_by_probability: list[int]
    """Divorces of the recent part in each bin of the predicted probability: its calibration."""

    def to_json(self) -> bytes:
        """As a file; every number comes back to the bit."""
        return msgspec.json.format(msgspec.json.encode(self)) + b"\n"

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read the text of `to_json`.

        Raises:
            ReferenceProfileError: it is something else, or its counts don't fit to its bins.
        """
        try:
            profile = msgspec.json.decode(data, type=cls)
            profile._check()
        except ValueError as error:  # msgspec's errors are ValueErrors too
            raise ReferenceProfileError(f"the reference profile can't be read: {error}") from None
        return profile

    def variable(self, name: str) -> VariableReference:
        """The variable of that name."""
        return self.variables[VARIABLES.index(name)]

    def _check(self) -> None:
        names = tuple(variable.name for variable in self.variables)
        if names != VARIABLES:
            raise ValueError(f"its variables are {', '.join(names)}; expected {', '.join(VARIABLES)}")
        for variable in self.variables:
            size = len(variable.bins().kinds)
            _check_counts(variable.name, variable.counts, size, self.rows)
            if variable.training_counts is not None:
                _check_counts(variable.name, variable.training_counts, size, self.training_rows)
        counts, positives = self.variable(PREDICTION).counts, self.positives_by_probability
        _check_counts("divorces by probability", positives, len(counts), self.positives)
        if any(some > all_ for some, all_ in zip(positives, counts, strict=True)):
            raise ValueError("a bin of the probability has more divorces than rows")


def _check_counts(name: str, counts: list[int], size: int, total: int) -> None:
    if len(counts) != size or min(counts) < 0 or sum(counts) != total:
        raise ValueError(f"{name} needs {size} counts of {total} rows in all, none negative")
