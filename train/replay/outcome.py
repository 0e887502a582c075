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
    as_before: float | None = None
    """Of a model made of what was known then, as it was made before what ships knew the newest applications."""
    ceiling: float | None = None
    """Of the true probabilities; None where the applications were not generated."""


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
    def gain(self) -> float | None:
        """Mean over the months of what production reached beyond the model as before; None where no month tells."""
        return _mean_difference([(month.production, month.as_before) for month in self.coming])

    @property
    def ceiling_share(self) -> float | None:
        """What production reached of the ceiling, by the means of the months; None where nobody knows the ceiling."""
        pairs = [(month.production, month.ceiling) for month in self.coming]
        known = [(reached, most) for reached, most in pairs if reached is not None and most is not None]
        return sum(reached for reached, _ in known) / sum(most for _, most in known) if known else None

    @property
    def verdict(self) -> Verdict:
        """Whether the system did what it should: a candidate that is refused is no fault, one that can't be judged is
        no pass, and a failed request is an error."""
        if self.load.failures:
            return Verdict.ERROR
        undecided = any(decision.verdict is Verdict.INCONCLUSIVE for decision in self.decisions)
        return Verdict.INCONCLUSIVE if undecided else Verdict.PASS


def _mean_difference(pairs: list[tuple[float | None, float | None]]) -> float | None:
    differences = [one - other for one, other in pairs if one is not None and other is not None]
    return sum(differences) / len(differences) if differences else None
