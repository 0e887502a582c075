"""What a comparison found, and the verdict that follows from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bench.shadow.decisions import Rule
from bench.shadow.figures import Density, Figures
from bench.shadow.flips import Flips
from bench.shadow.logged_rows import Window
from bench.shadow.record_audit import RecordAudit
from fraud.verdict import Verdict, worst


@dataclass(frozen=True, slots=True)
class Limits:
    """What is asked."""

    minimum_applications: int
    """With fewer nothing is said of the candidate."""
    flip_share: float | None
    """Veto above this share of decisions that flip; None: none."""
    is_optional: bool
    """Whether a candidate passes with whom nothing can be compared, since somebody else has decided."""


@dataclass(slots=True)
class RowCounts:
    """Which rows were looked at."""

    answered: int = 0
    load_tests: int = 0
    """Beside those that were answered."""
    read: int = 0
    """Those of a sample of requests, where more were answered than memory should hold."""
    own: int = 0
    """Of the read ones: answered by the champion; others by other versions."""
    erased: int = 0
    unreadable_records: int = 0
    """Of any version: their arrays are not what a server with these features writes."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What both models say of the applications."""

    rule: Rule
    figures: Figures
    density: Density
    to_review: Flips
    to_pass: Flips
    without_reasons: tuple[int, ...]
    """Versions that were registered without tables of reasons."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """All of it."""

    model_name: str
    champion: int
    candidate: int
    window: Window
    seconds: float
    limits: Limits
    rows: RowCounts
    record: RecordAudit
    comparison: Comparison | None
    """None where no application was answered."""

    @property
    def verdict(self) -> Verdict:
        """It passes only if the record is right and the candidate is within the limits."""
        return worst([verdict for verdict, _ in self._judgements()])

    @property
    def reasons(self) -> tuple[str, ...]:
        """A sentence each, those of the verdict first."""
        verdict = self.verdict
        told = list(self._judgements())
        return tuple(reason for decides in (True, False) for one, reason in told if (one is verdict) is decides)

    def _judgements(self) -> Iterator[tuple[Verdict, str]]:
        for fault in self.record.findings(self.champion):
            yield Verdict.DATA_QUALITY_FAULT, fault
        rounding = self.record.rounding(self.champion)
        if rounding is not None:
            yield Verdict.INCONCLUSIVE, rounding
        yield self._of_candidate()
        if self.record.compared and self.record.equal == self.record.compared:
            yield (
                Verdict.PASS,
                f"all {self.record.compared:,} probabilities on record that version {self.champion} answered match "
                "bit for bit",
            )

    def _of_candidate(self) -> tuple[Verdict, str]:
        applications = 0 if self.comparison is None else self.comparison.figures.whole.applications
        if self.comparison is None or applications < self.limits.minimum_applications:
            return (
                Verdict.PASS if self.limits.is_optional else Verdict.INCONCLUSIVE,
                f"{applications:,} applications were answered since {self.window.since:%Y-%m-%d}, fewer than "
                f"DRIFT_MIN_SAMPLES={self.limits.minimum_applications:,}: too few to compare version {self.candidate}",
            )
        whole, limit = self.comparison.figures.whole, self.limits.flip_share
        flips = (
            f"version {self.candidate} decides differently from version {self.champion} for "
            f"{whole.to_review + whole.to_pass:,} of {applications:,} applications ({whole.flip_share:.2%}): "
            f"{whole.to_review:,} it alone has reviewed, {whole.to_pass:,} it passes"
        )
        if limit is not None and whole.flip_share > limit:
            return Verdict.FAIL, f"veto: {flips}; more than GATE_VETOES flip_share={limit:g}"
        return Verdict.PASS, flips


MEANING: Final = {
    Verdict.PASS: "the comparison found nothing against the candidate",
    Verdict.FAIL: "the candidate changes too many decisions",
    Verdict.INCONCLUSIVE: "inconclusive: too few answers",
    Verdict.ERROR: "the comparison could not run",
    Verdict.DATA_QUALITY_FAULT: "the record differs from what production returns, so nothing else can be concluded",
}
