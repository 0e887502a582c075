"""What the gate found out about the candidate's quality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from bench.gate.plot import Plot
from bench.gate.quality.comparison import Comparison, PairedFigure
from bench.gate.quality.holdout import Holdout
from bench.gate.quality.policy import QualityPolicy
from bench.gate.quality.slices import SliceReport
from fraud.group_report import GroupReport
from fraud.statistics.interval import Interval
from fraud.statistics.reliability import ReliabilityGroup
from fraud.verdict import Verdict
from train.agreement import Agreement
from train.evaluate import Evaluation


@dataclass(frozen=True, slots=True)
class FigureReport:
    """One figure of both models."""

    name: str
    champion: Interval
    candidate: Interval
    difference: Interval
    """Candidate minus champion. All three with their 95% intervals."""
    probability_higher: float
    """Share of resamples in which the candidate's figure is the higher one."""

    @classmethod
    def of(cls, name: str, figure: PairedFigure) -> Self:
        """Without the resamples."""
        return cls(
            name, figure.champion_interval, figure.candidate_interval, figure.difference, figure.probability_higher
        )


@dataclass(frozen=True, slots=True)
class ChampionComparison:
    """The candidate beside the champion."""

    average_precision: FigureReport
    lower_bound: float
    """One-sided, of the difference of average precision, at the policy's level."""
    others: tuple[FigureReport, ...]
    """Precision and recall at the review capacity, Brier score."""
    flip_share: float
    slices: tuple[SliceReport, ...]
    champion_reliability: tuple[ReliabilityGroup, ...]
    candidate_reliability: tuple[ReliabilityGroup, ...]

    @classmethod
    def of(
        cls,
        comparison: Comparison,
        *,
        level: float,
        flip_share: float,
        slices: tuple[SliceReport, ...],
        champion_reliability: tuple[ReliabilityGroup, ...],
        candidate_reliability: tuple[ReliabilityGroup, ...],
    ) -> Self:
        """Without the resamples; the lower bound is at `level`."""
        return cls(
            average_precision=FigureReport.of("average precision", comparison.average_precision),
            lower_bound=comparison.average_precision.lower_bound(level),
            others=(
                FigureReport.of("review precision", comparison.review_precision),
                FigureReport.of("review recall", comparison.review_recall),
                FigureReport.of("Brier score", comparison.brier_score),
            ),
            flip_share=flip_share,
            slices=slices,
            champion_reliability=champion_reliability,
            candidate_reliability=candidate_reliability,
        )


@dataclass(frozen=True, slots=True)
class ChanceComparison:
    """The candidate beside chance: what there is to ask when nothing is in production."""

    evaluation: Evaluation
    p_value: float
    """Of a permutation test of average precision."""
    reliability: tuple[ReliabilityGroup, ...]


@dataclass(frozen=True, slots=True)
class QualityReport:
    """The verdict on the candidate's quality, with all that led to it."""

    verdict: Verdict
    reasons: tuple[str, ...]
    policy: QualityPolicy
    candidate: int
    """Version."""
    champion: int | None
    """Version; None when nothing is in production."""
    holdout: Holdout | None = None
    """None when there was nothing to compare."""
    versus_champion: ChampionComparison | None = None
    versus_chance: ChanceComparison | None = None
    twin_agreement: Agreement | None = None
    """The candidate's shipped model beside its judged twin, on the same rows."""
    groups: GroupReport | None = None
    """Whom the candidate's twin suspects."""
    champion_groups: GroupReport | None = None
    """Whom the champion's does; None when nothing is in production."""
    plots: tuple[Plot, ...] = ()
