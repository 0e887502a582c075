"""The public table's statistics (`profile.json`), typed.

All figures are aggregates over 47,325 rows of the public table's parent, in the raw table's units: money a tenth of the
parent's, day counts positive, ages before the preparation's age step.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bin:
    """An interval of a feature and a share that was counted in it; the upper edge belongs to the next bin."""

    lower: float
    upper: float
    share: float


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """One column: values at `Profile.levels`, the values that hold 0.5% of the rows or more, positive rates."""

    name: str
    missing_share: float
    minimum: float
    maximum: float
    quantiles: FloatArray
    commonest: dict[float, float]
    positive_rates: tuple[Bin, ...]

    @classmethod
    def from_json(cls, name: str, figures: dict[str, Any]) -> Self:
        """Read one entry of `columns`."""
        return cls(
            name=name,
            missing_share=figures["missing_share"],
            minimum=figures["min"],
            maximum=figures["max"],
            quantiles=np.array(figures["quantiles"]),
            commonest={float(value): share for value, share in figures["commonest_values"].items()},
            positive_rates=tuple(Bin(*triple) for triple in figures["positive_rate_by_decile"]),
        )


@dataclass(frozen=True, slots=True)
class EducationProfile:
    """One level of schooling."""

    days: int
    share: float
    positive_rate: float


@dataclass(frozen=True, slots=True)
class NotEmployedProfile:
    """The applicants without a job (`Employed_Days` 365243)."""

    positive_rate: float
    share_by_age: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class OfficialTable:
    """The published CSV: how many rows, and how its values are spoilt (blanks at random, stray symbols)."""

    rows: int
    positive_rate: float
    blank_share: dict[str, float]
    stray_tokens: dict[str, int]


@dataclass(frozen=True, slots=True)
class Profile:
    """All statistics; `correlation` is in the order of `fraud.features.FEATURES`."""

    rows: int
    positive_rate: float
    complete_positive_rate: float
    levels: FloatArray
    columns: dict[str, ColumnProfile]
    not_employed: NotEmployedProfile
    education: tuple[EducationProfile, ...]
    correlation: FloatArray
    ratio_quantiles: FloatArray
    income_multiple_share: float
    official: OfficialTable


def load_profile() -> Profile:
    """Read `profile.json` from the package."""
    figures = json.loads(Path(__file__).with_name("profile.json").read_text())
    official = figures["official_training_table"]
    education = sorted((int(days), level) for days, level in figures["education"].items())
    return Profile(
        rows=figures["rows"],
        positive_rate=figures["positive_rate"],
        complete_positive_rate=figures["model_ceiling"]["positive_rate"],
        levels=np.array(figures["quantile_levels"]),
        columns={name: ColumnProfile.from_json(name, column) for name, column in figures["columns"].items()},
        not_employed=NotEmployedProfile(
            positive_rate=figures["not_employed"]["positive_rate"],
            share_by_age=tuple(Bin(*triple) for triple in figures["not_employed"]["share_by_age_days_bin"]),
        ),
        education=tuple(EducationProfile(days, level["share"], level["positive_rate"]) for days, level in education),
        correlation=np.array(figures["gaussian_copula_correlation"]["matrix"]),
        ratio_quantiles=np.array(figures["credit_to_annuity_ratio_quantiles"]),
        income_multiple_share=figures["income_multiple_of_450_share"],
        official=OfficialTable(
            rows=official["rows"],
            positive_rate=official["positive_rate"],
            blank_share=official["blank_share"],
            stray_tokens=official["non_numeric_tokens"],
        ),
    )
