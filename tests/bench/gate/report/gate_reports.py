"""Reports of every kind, made by the gate's own judgement."""

from __future__ import annotations

import datetime as dt
from functools import cache

import numpy as np

from bench.gate.latency.report import KindLatency, LatencyReport
from bench.gate.quality.check import judge_against_champion, judge_against_chance
from bench.gate.quality.holdout import Holdout
from bench.gate.quality.policy import QualityPolicy
from bench.gate.quality.report import QualityReport
from bench.gate.quality.rule import Rule
from bench.gate.report.gate_report import GateReport
from fraud.settings.gate import GateVetoes
from fraud.statistics.interval import Interval
from fraud.verdict import Verdict
from tests.bench.gate.quality.scored_rows import applications, probabilities

POLICY = QualityPolicy(
    rule=Rule.SUPERIOR, level=0.01, margin=0.005, minimum_positives=30, review_capacity=0.05, vetoes=GateVetoes()
)
HOLDOUT = Holdout(dt.date(2026, 1, 24), dt.date(2026, 5, 1), 2_000, 160)


@cache
def quality(verdict: Verdict = Verdict.PASS) -> QualityReport:
    """A comparison with the champion that ends so."""
    undecided = QualityReport(Verdict.INCONCLUSIVE, ("too few rows",), POLICY, 7, 6, HOLDOUT)
    if verdict is Verdict.INCONCLUSIVE:
        return undecided
    data = applications(rows=2_000)
    better = 3.0 if verdict is Verdict.PASS else 0.2
    return judge_against_champion(undecided, data, probabilities(data, 1.0, 1), probabilities(data, better, 2))


@cache
def first_model() -> QualityReport:
    """A candidate where nothing is in production."""
    data = applications(rows=2_000)
    undecided = QualityReport(Verdict.INCONCLUSIVE, (), POLICY, 1, None, HOLDOUT)
    return judge_against_chance(undecided, data, probabilities(data, 2.0, 1))


def latency(verdict: Verdict = Verdict.PASS, errors: tuple[str, ...] = ()) -> LatencyReport:
    """Two kinds of request, both a little slower."""
    ratio = Interval(1.02, 0.98, 1.06)
    kinds = tuple(
        KindLatency(name, rows, 50.0, 810.0, 2_400.0, 826.0, 2_448.0, ratio, ratio, 4_000)
        for name, rows in (("single", 1), ("batch of 1,000", 1_000))
    )
    return LatencyReport(verdict, ("the lower end of no ratio is above 1.10",), kinds, 8, (1, 2), errors)


def report(quality: QualityReport | None, latency: LatencyReport | None = None, error: str | None = None) -> GateReport:
    """A gate of a fixed day."""
    started = dt.datetime(2026, 5, 1, 6, 30, tzinfo=dt.UTC)
    return GateReport("divorce-model", started, 93.5, quality, latency, error)


def figures_of(found: object) -> list[float]:
    """All numbers of a JSON document."""
    if isinstance(found, dict):
        found = list(found.values())
    if isinstance(found, list):
        return [number for part in found for number in figures_of(part)]
    return [float(found)] if isinstance(found, (int, float, np.floating)) else []
