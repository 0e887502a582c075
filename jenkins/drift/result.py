"""What a drift check found; everything that is written about it is made from this."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from fraud.report.text import writable
from fraud.statistics.expected_performance import Performance
from fraud.verdict import Verdict, worst
from jenkins.drift.counts import LabelCounts, VariableCounts
from jenkins.drift.policy import DriftPolicy


class RareKind(StrEnum):
    """Values of which the reference holds few or none, so that their share needs an exact test."""

    RARE = "rare"
    """In bins of the reference that hold hardly anything."""

    MISSING = "missing"
    UNSEEN = "unseen"
    """Inside the reference's range, where no reference value lies."""
    OUT_OF_RANGE = "out of range"


@dataclass(frozen=True, slots=True)
class RareChange:
    """The share of one kind of rare values, then and now."""

    kind: RareKind
    reference_share: float
    current_share: float
    p_value: float
    """Exact (Fisher)."""
    adjusted_p_value: float
    """By Holm, over all tests of the window."""


@dataclass(frozen=True, slots=True)
class ShapeChange:
    """How the values in the reference's common bins are distributed, then and now."""

    g: float
    """Likelihood-ratio statistic."""
    degrees_of_freedom: int
    p_value: float
    adjusted_p_value: float
    """By Holm, over all tests of the window."""
    psi: float
    """Of all bins in range, and no others: what the floor is compared with."""


@dataclass(frozen=True, slots=True)
class Distances:
    """How large a change is, in the field's usual measures; missing and out-of-range values count in the first two."""

    psi: float
    """Population stability index."""
    jensen_shannon: float
    """Distance between 0 and 1 (base 2)."""
    wasserstein: float
    """In standard deviations of the reference."""


@dataclass(frozen=True, slots=True)
class VariableDrift:
    """One variable: pass, fail (drift) or a data-quality fault, and why."""

    counts: VariableCounts
    verdict: Verdict
    reasons: tuple[str, ...]
    """One sentence for each change that counts; none when it passes."""
    shape: ShapeChange
    rare: tuple[RareChange, ...]
    distances: Distances
    psi_floor: float

    @property
    def name(self) -> str:
        """Of the variable."""
        return self.counts.name

    @property
    def adjusted_p_value(self) -> float:
        """The smallest of its tests."""
        return min(self.shape.adjusted_p_value, *(change.adjusted_p_value for change in self.rare))


@dataclass(frozen=True, slots=True)
class RateDrift:
    """The positive rate of labels that count by now, beside the reference's."""

    counts: LabelCounts
    reference_rate: float
    current_rate: float
    p_value: float
    """Exact (Fisher)."""
    adjusted_p_value: float
    verdict: Verdict
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PerformanceEstimate:
    """Expected on the window's rows, and expected in the same way on the reference's."""

    reference: Performance
    current: Performance


@dataclass(frozen=True, slots=True)
class EarlierCheck:
    """What an earlier check of the same window length said."""

    checked_at: dt.datetime
    verdict: Verdict
    psi: Mapping[str, float]
    """By variable."""


@dataclass(frozen=True, slots=True)
class WindowDrift:
    """The applications of a span of time beside the reference."""

    name: str
    """As people say it: `last day`."""
    since: dt.datetime
    until: dt.datetime
    """Not included."""
    rows: int
    reference_rows: int
    policy: DriftPolicy
    variables: tuple[VariableDrift, ...] = ()
    """Empty when there are no rows."""
    positive_rate: RateDrift | None = None
    """None while no label counts."""
    performance: PerformanceEstimate | None = None
    earlier: tuple[EarlierCheck, ...] = ()
    """Oldest first."""

    @property
    def verdict(self) -> Verdict:
        """Inconclusive with too few rows, whatever they look like; else the worst of its parts."""
        if self.rows < self.policy.minimum_rows or not self.variables:
            return Verdict.INCONCLUSIVE
        rate = () if self.positive_rate is None else (self.positive_rate.verdict,)
        return worst((*(variable.verdict for variable in self.variables), *rate))

    @property
    def reasons(self) -> tuple[str, ...]:
        """One sentence each."""
        if self.verdict is Verdict.INCONCLUSIVE:
            return (f"{self.rows:,} applications, {self.policy.minimum_rows:,} are needed to tell",)
        found = [reason for variable in self.ranked for reason in variable.reasons]
        found += () if self.positive_rate is None else self.positive_rate.reasons
        return tuple(found) or (f"{self.rows:,} applications like those that the model was trained on",)

    @property
    def has_population_changed(self) -> bool:
        """Whether anything but a feature whose values may be wrong, and the answers that rest on it, has changed."""
        changed = (one.verdict is Verdict.FAIL and not one.counts.is_prediction for one in self.variables)
        return any(changed) or (self.positive_rate is not None and self.positive_rate.verdict is Verdict.FAIL)

    @property
    def ranked(self) -> tuple[VariableDrift, ...]:
        """Variables, what matters most first: by verdict, then by PSI weighted with the model's use of the feature."""
        severity = {Verdict.DATA_QUALITY_FAULT: 0, Verdict.FAIL: 1}

        def rank(variable: VariableDrift) -> tuple[int, float]:
            weight = 1.0 if variable.counts.importance is None else variable.counts.importance
            return severity.get(variable.verdict, 2), -weight * variable.distances.psi

        return tuple(sorted(self.variables, key=rank))


@dataclass(frozen=True, slots=True)
class DriftResult:
    """One run of the drift monitor."""

    model_name: str
    model_version: int | None
    """The version that serves, whose training data are the reference; None if it is unknown."""
    checked_at: dt.datetime
    """With its time zone."""
    seconds: float
    """How long the check took."""
    windows: tuple[WindowDrift, ...] = ()
    error: str | None = None
    """Why the check could not go on."""
    notes: tuple[str, ...] = ()
    """What else has to be known: applications that were not looked at."""

    def __post_init__(self) -> None:
        """Keep the error writable."""
        if self.error is not None:
            object.__setattr__(self, "error", writable(self.error))

    @property
    def verdict(self) -> Verdict:
        """The worst of the windows that had enough rows: a day with too few does not hide what the week says."""
        if self.error is not None:
            return Verdict.ERROR
        told = [window.verdict for window in self.windows if window.verdict is not Verdict.INCONCLUSIVE]
        return worst(told) if told else Verdict.INCONCLUSIVE

    @property
    def is_drift_beside_a_fault(self) -> bool:
        """Whether the population has changed while a feed may be at fault."""
        told = [window for window in self.windows if window.verdict is not Verdict.INCONCLUSIVE]
        return self.verdict is Verdict.DATA_QUALITY_FAULT and any(window.has_population_changed for window in told)

    @property
    def reasons(self) -> tuple[str, ...]:
        """One sentence each, with the window that it is about."""
        reasons = [] if self.error is None else [self.error]
        # A window with too few rows goes last: it says why nothing was found in it, not why the verdict is what it is.
        ranked = sorted(self.windows, key=lambda window: window.verdict is Verdict.INCONCLUSIVE)
        reasons += [f"{window.name}: {reason}" for window in ranked for reason in window.reasons]
        return tuple(reasons) or ("nothing was checked",)
