"""Vetoes for whom a candidate suspects: what breaks them, and how rarely chance does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.gate.quality.check import judge_against_champion, judge_against_chance
from bench.gate.quality.group_vetoes import Reviews, group_vetoes
from bench.gate.quality.policy import QualityPolicy
from bench.gate.quality.report import QualityReport
from bench.gate.quality.rule import Rule
from fraud.applicant_groups import applicant_groups
from fraud.features import FEATURE_NAMES
from fraud.settings.gate import GateVetoes
from fraud.statistics.review import reviewed_shares
from fraud.verdict import Verdict
from tests.bench.gate.quality.scored_rows import applications, probabilities
from tests.train.conftest import synthetic_dataset

POLICY = QualityPolicy(
    rule=Rule.SUPERIOR, level=0.01, margin=0.005, minimum_positives=30, review_capacity=0.05, vetoes=GateVetoes()
)
DATA = applications(rows=6_000)
YOUNG = DATA.x[:, FEATURE_NAMES.index("Age_Days")] < 9_855
FAIR = probabilities(DATA, 1.0, 1)
BETTER = probabilities(DATA, 2.5, 2)
BETTER_AND_HARD_ON_THE_YOUNG = np.where(YOUNG, np.sqrt(BETTER), BETTER)
LIMITS = [
    pytest.param(GateVetoes(fpr_ratio=1.25), "GATE_VETOES fpr_ratio", id="false positives"),
    pytest.param(GateVetoes(selection_ratio=1.25), "GATE_VETOES selection_ratio", id="selection"),
]


def judged(limits: GateVetoes, champion: np.ndarray | None, candidate: np.ndarray) -> QualityReport:
    undecided = QualityReport(Verdict.INCONCLUSIVE, (), replace(POLICY, vetoes=limits), 2, 1)
    if champion is None:
        return judge_against_chance(undecided, DATA, candidate)
    return judge_against_champion(undecided, DATA, champion, candidate)


@pytest.mark.parametrize(("limits", "setting"), LIMITS)
@pytest.mark.parametrize("champion", [pytest.param(FAIR, id="champion"), pytest.param(None, id="first model")])
def test_a_better_candidate_that_suspects_a_group_is_refused(
    limits: GateVetoes, setting: str, champion: np.ndarray | None
) -> None:
    candidate = BETTER_AND_HARD_ON_THE_YOUNG
    assert judged(GateVetoes(), champion, candidate).verdict is Verdict.PASS, "no limit is set"
    refused = judged(limits, champion, candidate)
    assert refused.verdict is Verdict.FAIL
    assert any(reason.startswith("veto: age under 27 years is") and setting in reason for reason in refused.reasons)


@pytest.mark.parametrize(("limits", "setting"), LIMITS)
def test_a_candidate_no_worse_than_the_champion_is_not(limits: GateVetoes, setting: str) -> None:
    hard_too = np.where(YOUNG, np.sqrt(FAIR), FAIR)
    assert not any(setting in reason for reason in judged(limits, hard_too, BETTER_AND_HARD_ON_THE_YOUNG).reasons)


def test_the_page_shows_groups_without_any_limit() -> None:
    report = judged(GateVetoes(), FAIR, BETTER)
    assert report.groups is not None
    assert report.champion_groups is not None
    assert report.groups.worst("false_positive_rate") is not None


def vetoed(gates: int, level: float, seed: int, *, rows: int = 4_000) -> int:
    """Of so many resampled gates of two equal models, both hard on the young, how many veto the candidate."""
    rng = np.random.default_rng(seed)
    data = synthetic_dataset(rows, 60, 1)
    young = data.x[:, FEATURE_NAMES.index("Age_Days")] < 9_855
    limits = GateVetoes(fpr_ratio=1.0, selection_ratio=1.25)
    found = 0
    for _ in range(gates):
        drawn = rng.integers(0, rows, rows)
        x, y = data.x[drawn], data.y[drawn]
        # Noise that both share, and noise of their own.
        middle = 1.2 * y + 1.0 * young[drawn] + 0.9 * rng.normal(size=rows)
        candidate, champion = (reviewed_shares(middle + 0.45 * rng.normal(size=rows), 0.05) for _ in range(2))
        groups = applicant_groups(x, y, {})
        found += any(group_vetoes(limits, level, groups, y, Reviews(candidate, champion)))
    return found


def test_equal_models_are_hardly_vetoed() -> None:
    assert vetoed(100, 0.05, 1) <= 5


@pytest.mark.long
@pytest.mark.parametrize(("level", "rows"), [(0.01, 20_000), (0.05, 4_000)])
def test_equal_models_are_vetoed_in_at_most_the_level_of_1000_gates(level: float, rows: int) -> None:
    assert vetoed(1_000, level, 2, rows=rows) <= 1_000 * level
