"""What the public table has instead of amounts, as the project's own declaration says, whatever FEATURES_FILE names."""

from __future__ import annotations

from typing import Final

from fraud.feature_file import read_features
from fraud.features import OWN_FILE

PUBLIC_FEATURES: Final = read_features(OWN_FILE)

_VALUES: Final = {feature.name: feature.values for feature in PUBLIC_FEATURES}

NOT_EMPLOYED_DAYS: Final = _VALUES["Employed_Days"]["not_employed"]
"""The value of `Employed_Days` that means "not employed"."""

EDUCATION_DAYS: Final = _VALUES["Education_Days"]
"""Days of schooling by level of education, as the public table names the levels."""
