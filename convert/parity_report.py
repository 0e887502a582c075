"""What a passed parity check found."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass

import msgspec
from xgboost import __version__ as xgboost_version


@dataclass(frozen=True, slots=True)
class RowCounts:
    """Rows that were compared, by kind (`convert.parity_rows`)."""

    real: int
    made: int
    """Of values of real rows, where these are fewer than a check needs."""
    threshold: int
    missing: int
    extreme: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.real + self.made + self.threshold + self.missing + self.extreme

    def __str__(self) -> str:
        """As one phrase, which tells apart what was real and what was not."""
        made = f", {self.made:,} made of their values" if self.made else ""
        others = self.total - self.real - self.made
        return f"{self.total:,} rows ({self.real:,} real{made}, {others:,} made to find differences)"


@dataclass(frozen=True, slots=True)
class Versions:
    """The libraries that were compared."""

    numpy: str
    onnx: str
    onnxruntime: str
    scikit_learn: str
    xgboost: str


@dataclass(frozen=True, slots=True)
class ContributionParity:
    """The tables against XGBoost; differences in log-odds, relative for figures above 1."""

    sha256: str
    """Of the tables' file."""
    rows: int
    effect_max_difference: float
    effect_tolerance: float
    sum_max_difference: float
    """Of base and effects to XGBoost's log-odds."""
    sum_tolerance: float
    same_order_share: float
    """Of rows, with the features in XGBoost's order by size of their effects; in the others features are tied."""


@dataclass(frozen=True, slots=True)
class ParityReport:
    """The model against XGBoost, over all rows; differences of probabilities unless a name says margin.

    Relative differences are shares of XGBoost's probability. Bit-equal shares are between 0 and 1.
    """

    model_sha256: str
    rows: RowCounts
    margin_bit_equal_share: float
    margin_max_absolute_difference: float
    probability_bit_equal_share: float
    max_absolute_difference: float
    max_relative_difference: float
    relative_tolerance: float
    minimum_probability: float
    versions: Versions
    contributions: ContributionParity | None = None
    """Of the tables of contributions; None where the model has none."""

    def to_json(self) -> str:
        """The report as indented JSON, field by field."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode()


def installed_versions() -> Versions:
    """The versions in this process."""
    version = importlib.metadata.version
    return Versions(
        numpy=version("numpy"),
        onnx=version("onnx"),
        onnxruntime=version("onnxruntime"),
        scikit_learn=version("scikit-learn"),
        # Its distribution may be called xgboost or xgboost-cpu.
        xgboost=xgboost_version,
    )
