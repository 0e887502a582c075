"""What applications have to be like before a model is trained on them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DataLimits:
    """Bounds of the check; what lies beyond one is too little to train on, or a fault of the data."""

    min_rows: int
    min_positives: int
    """Fewest divorces, and fewest other applications."""
    min_label_rate: float
    max_label_rate: float
    """Share of applications with a divorce."""
    max_duplicate_share: float
    """Of rows that say the same as another one of the same day, label included."""
    max_atypical_share: float
    """Of values of a feature outside of what is typical of it: another unit shows here."""
    max_age_days: int | None
    """Of the newest application; None = any."""
