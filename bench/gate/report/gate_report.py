"""Both halves of the gate, and the verdict that follows."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from bench.gate.latency.report import LatencyReport
from bench.gate.quality.report import QualityReport
from fraud.report.text import writable
from fraud.verdict import Verdict, worst


@dataclass(frozen=True, slots=True)
class GateReport:
    """What one run of the gate found.

    A part that is missing was not looked at. That is no reason to promote: without a quality report the verdict is an
    error, and without a latency report a candidate that has a champion to be compared with does not pass.
    """

    model_name: str
    started: dt.datetime
    """With its time zone."""
    seconds: float
    """How long the gate took."""
    quality: QualityReport | None
    latency: LatencyReport | None
    error: str | None = None
    """Why the gate could not go on."""

    def __post_init__(self) -> None:
        """Keep the error writable."""
        if self.error is not None:
            object.__setattr__(self, "error", writable(self.error))

    @property
    def verdict(self) -> Verdict:
        """Of the gate as a whole: it passes only when every part does."""
        if self.error is not None or self.quality is None:
            return Verdict.ERROR
        if self.latency is not None:
            return worst((self.quality.verdict, self.latency.verdict))
        if self._lacks_latency(self.quality):
            return Verdict.INCONCLUSIVE
        return self.quality.verdict

    @property
    def reasons(self) -> tuple[str, ...]:
        """One sentence each: why the verdict is what it is."""
        reasons = [] if self.error is None else [self.error]
        if self.quality is not None:
            reasons += [f"AUC-PR: {reason}" for reason in self.quality.reasons]
        if self.latency is not None:
            reasons += [f"latency: {reason}" for reason in self.latency.reasons]
        elif self.quality is not None and self._lacks_latency(self.quality):
            reasons.append("latency: not measured, so nothing is promoted")
        return tuple(reasons) or ("the gate checked nothing",)

    @staticmethod
    def _lacks_latency(quality: QualityReport) -> bool:
        return quality.champion is not None and quality.verdict is Verdict.PASS
