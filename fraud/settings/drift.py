"""The daily drift check."""

from __future__ import annotations

from typing import Annotated

import annotated_types
from pydantic import Field

from fraud.settings.part import Part, PositiveInt


class DriftSettings(Part):
    """The daily drift check."""

    drift_window: PositiveInt = Field(7, description="full days that a drift check looks at, beside the last one alone")
    drift_min_samples: PositiveInt = Field(
        1_000, description="fewest applications of a window to tell; with fewer: inconclusive"
    )
    drift_alpha: float = Field(
        0.001, gt=0, lt=0.5, description="share of windows without any change that are called drift, over all variables"
    )
    psi_threshold: float = Field(0.02, ge=0, description="PSI below which a significant change is let pass")
    psi_thresholds: dict[str, Annotated[float, annotated_types.Ge(0)]] = Field(
        {}, description="the same for some variables by name, as JSON"
    )
    drift_own_version_only: bool = Field(
        False, description="check only applications that the version in production answered"
    )
    drift_cooldown_days: int = Field(7, ge=0, description="days from one retraining because of drift to the next")
