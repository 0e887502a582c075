"""The features of this process, as `features.toml` declares them or the file that `FEATURES_FILE` names."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from fraud.environment import read_variable
from fraud.errors import FeatureFileError
from fraud.feature_file import Feature, read_features

OWN_FILE: Final = Path(__file__).with_suffix(".toml")

LABEL: Final = "Divorce"
"""1 when the couple divorced soon after the loan, else 0."""

DATE: Final = "Date"
"""Day of the application."""


def _declared() -> tuple[Feature, ...]:
    # Everything is made from the features as it is imported, so a fault ends the program here.
    try:
        return read_features(Path(read_variable("FEATURES_FILE") or OWN_FILE))
    except FeatureFileError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None


FEATURES: Final = _declared()
FEATURE_NAMES: Final = tuple(feature.name for feature in FEATURES)
FEATURE_COUNT: Final = len(FEATURES)

MAY_BE_MISSING: Final = frozenset(feature.name for feature in FEATURES if feature.may_be_missing)

NAMES_KEY: Final = "feature_names"
"""Of an ONNX model's metadata: the names of what it takes, as JSON."""

EXAMPLE_INSTANCE: Final = {
    feature.name: int(feature.example) if feature.integral else feature.example for feature in FEATURES
}
"""An application as documentation shows it."""


def column_of(name: str) -> int:
    """The column of a feature in a matrix; raises ValueError for one that is not declared."""
    return FEATURE_NAMES.index(name)
