"""What a replay found, month by month."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from fraud.verdict import Verdict
from train.replay.light_load import LoadCounts


@dataclass(frozen=True, slots=True)
class Decision:
    """One month's candidate and the gate's word on it."""

    first_day: dt.date
    """The month's TODAY."""
    candidate: int
    """Version."""
    verdict: Verdict
    reasons: tuple[str, ...]
    champion_ap: float | None
    """Average precision on the gate's rows."""
    candidate_ap: float | None
    worst_median_ratio: float | None
    """Latency, candidate over champion; None when the gate did not measure it."""
    training_s: float
    gate_s: float


@dataclass(frozen=True, slots=True)
class ComingMonth:
    """Average precision on the applications of the month that follows a gate."""

    served: int
    """Version in production, which answers that month's requests."""
    production: float | None
    """Of the version that is served."""
    never_retrained: float | None
    """Of the first month's version."""


@dataclass(frozen=True, slots=True)
class ReplayOutcome:
    """The whole replay."""

    model_name: str
    decisions: tuple[Decision, ...]
    coming: tuple[ComingMonth, ...]
    """The month after each decision."""
    load: LoadCounts
    seconds: float

    @property
    def verdict(self) -> Verdict:
        """Whether the system did what it should: a candidate that is refused is no fault, one that can't be judged is
        no pass, and a failed request is an error."""
        if self.load.failures:
            return Verdict.ERROR
        undecided = any(decision.verdict is Verdict.INCONCLUSIVE for decision in self.decisions)
        return Verdict.INCONCLUSIVE if undecided else Verdict.PASS
