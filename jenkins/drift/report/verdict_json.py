"""`verdict.json`: what a drift check found, for programs; every field is always there."""

from __future__ import annotations

import datetime as dt
import math
from typing import Self

import msgspec

from fraud.verdict import Verdict
from jenkins.drift.result import DriftResult, PerformanceEstimate, RateDrift, VariableDrift, WindowDrift


class RareVerdict(msgspec.Struct, frozen=True):
    """The share of one kind of rare values: `missing`, `unseen`, `out of range`, `rare`."""

    kind: str
    reference_share: float
    current_share: float
    adjusted_p_value: float


class VariableVerdict(msgspec.Struct, frozen=True):
    """One feature, or the predicted probability."""

    name: str
    verdict: Verdict
    reasons: tuple[str, ...]
    psi: float
    psi_in_range: float
    psi_floor: float
    jensen_shannon: float
    wasserstein: float | None
    """In standard deviations of the reference; null when that has no spread."""
    g: float
    degrees_of_freedom: int
    adjusted_p_value: float
    importance: float | None
    rare: tuple[RareVerdict, ...]

    @classmethod
    def of(cls, found: VariableDrift) -> Self:
        """Without the counts."""
        return cls(
            name=found.name,
            verdict=found.verdict,
            reasons=found.reasons,
            psi=found.distances.psi,
            psi_in_range=found.shape.psi,
            psi_floor=found.psi_floor,
            jensen_shannon=found.distances.jensen_shannon,
            wasserstein=_finite(found.distances.wasserstein),
            g=found.shape.g,
            degrees_of_freedom=found.shape.degrees_of_freedom,
            adjusted_p_value=found.shape.adjusted_p_value,
            importance=found.counts.importance,
            rare=tuple(
                RareVerdict(one.kind, one.reference_share, one.current_share, one.adjusted_p_value)
                for one in found.rare
            ),
        )


class RateVerdict(msgspec.Struct, frozen=True):
    """The positive rate of labels that count by now."""

    verdict: Verdict
    reference_rate: float
    current_rate: float
    labels: int
    adjusted_p_value: float

    @classmethod
    def of(cls, found: RateDrift) -> Self:
        """Without the reference's counts."""
        return cls(
            found.verdict, found.reference_rate, found.current_rate, found.counts.current_rows, found.adjusted_p_value
        )


class PerformanceVerdict(msgspec.Struct, frozen=True):
    """Expected without labels; null where one of the labels can't occur."""

    reference_average_precision: float | None
    average_precision: float | None
    reference_roc_auc: float | None
    roc_auc: float | None
    reference_brier_score: float
    brier_score: float

    @classmethod
    def of(cls, found: PerformanceEstimate) -> Self:
        """Both sides, a figure after the other."""
        before, now = found.reference, found.current
        return cls(
            _finite(before.average_precision),
            _finite(now.average_precision),
            _finite(before.roc_auc),
            _finite(now.roc_auc),
            before.brier_score,
            now.brier_score,
        )


class WindowVerdict(msgspec.Struct, frozen=True):
    """The applications of a span of time; variables in order of what matters most."""

    name: str
    since: dt.datetime
    until: dt.datetime
    rows: int
    reference_rows: int
    verdict: Verdict
    reasons: tuple[str, ...]
    variables: tuple[VariableVerdict, ...]
    positive_rate: RateVerdict | None
    performance: PerformanceVerdict | None

    @classmethod
    def of(cls, found: WindowDrift) -> Self:
        """Without what earlier checks said."""
        return cls(
            name=found.name,
            since=found.since,
            until=found.until,
            rows=found.rows,
            reference_rows=found.reference_rows,
            verdict=found.verdict,
            reasons=found.reasons,
            variables=tuple(VariableVerdict.of(one) for one in found.ranked),
            positive_rate=None if found.positive_rate is None else RateVerdict.of(found.positive_rate),
            performance=None if found.performance is None else PerformanceVerdict.of(found.performance),
        )


class VerdictFile(msgspec.Struct, frozen=True):
    """The whole file; the verdict first."""

    verdict: Verdict
    exit_status: int
    reasons: tuple[str, ...]
    error: str | None
    notes: tuple[str, ...]
    model_name: str
    model_version: int | None
    checked_at: dt.datetime
    seconds: float
    windows: tuple[WindowVerdict, ...]

    @classmethod
    def of(cls, result: DriftResult) -> Self:
        """What is kept of a check."""
        return cls(
            verdict=result.verdict,
            exit_status=result.verdict.exit_status,
            reasons=result.reasons,
            error=result.error,
            notes=result.notes,
            model_name=result.model_name,
            model_version=result.model_version,
            checked_at=result.checked_at,
            seconds=result.seconds,
            windows=tuple(WindowVerdict.of(window) for window in result.windows),
        )


def verdict_json(result: DriftResult) -> bytes:
    """The file's content."""
    return msgspec.json.format(msgspec.json.encode(VerdictFile.of(result))) + b"\n"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
