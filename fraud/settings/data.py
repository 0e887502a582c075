"""Applications: where the first come from, and which of them training may believe."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field

from fraud.settings.part import Allowance, Part, PositiveInt, Share


class DataLimits(BaseModel, frozen=True, extra="forbid"):
    """What applications have to be like before a model is trained on them; beyond a `max_` the data are at fault."""

    min_rows: PositiveInt = 1_000
    """Fewest applications to train on; with fewer the check is inconclusive."""
    min_positives: PositiveInt = 100
    """Fewest divorces, and fewest other applications; with fewer the check is inconclusive."""
    min_label_rate: Share = 0.01
    max_label_rate: Share = 0.5
    """Bounds of the share of applications with a divorce; beyond them the data are at fault."""
    max_duplicate_share: Allowance = 0.01
    """Share of rows that say the same as another one of the same day, label included."""
    max_atypical_share: Allowance = 0.2
    """Share of a feature's values outside of what is typical of it: another unit shows here."""
    max_age_days: PositiveInt | None = None
    """Age of the newest application; None = any."""


class DataSettings(Part):
    """Applications: where the first come from, and which of them training may believe."""

    applications_file: Path | None = Field(
        None, description="applications of your own, which the first start loads instead of reference applications"
    )
    applications_columns: dict[str, str] = Field(
        {}, description="names of its columns that differ from ours, as JSON: theirs to ours"
    )
    raw_table: Path | None = Field(
        None,
        description="the public Train_Dataset.csv, for a demonstration: dates and a new wave are made up; "
        "unset = generated rows",
    )
    reference_scale: float = Field(1.0, gt=0, le=1, description="share of the 214,000 reference applications to load")
    label_maturity_days: int = Field(
        0, ge=0, le=3650, description="a label counts only so many days after the application, in training and gate"
    )
    data_limits: DataLimits = Field(
        DataLimits(),
        description="what the check of applications accepts, as JSON; what is not named keeps its default",
    )
