"""Vetoes: off unless set, and a candidate that breaks one is refused however good it is on the whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.gate.quality.check import judge_against_champion
from bench.gate.quality.policy import QualityPolicy
from bench.gate.quality.report import QualityReport
from bench.gate.quality.rule import Rule
from fraud.features import FEATURE_NAMES
from fraud.settings.gate import GateVetoes
from fraud.verdict import Verdict
from tests.bench.gate.quality.scored_rows import applications, probabilities

POLICY = QualityPolicy(
    rule=Rule.SUPERIOR, level=0.01, margin=0.005, minimum_positives=30, review_capacity=0.05, vetoes=GateVetoes()
)
DATA = applications(rows=4_000)
CHAMPION = probabilities(DATA, 1.0, 1)
CANDIDATE = probabilities(DATA, 2.5, 2)
AGE_YEARS = DATA.x[:, FEATURE_NAMES.index("Age_Days")] // 365

# As good a ranking with probabilities that are far too high; and one that is blind in one age band.
UNCALIBRATED = np.sqrt(CANDIDATE)
BLIND_IN_A_BAND = np.where((AGE_YEARS >= 35) & (AGE_YEARS < 45), np.float32(0.001), CANDIDATE)


def judged(limits: GateVetoes, champion: np.ndarray, candidate: np.ndarray) -> QualityReport:
    undecided = QualityReport(Verdict.INCONCLUSIVE, (), replace(POLICY, vetoes=limits), 2, 1)
    return judge_against_champion(undecided, DATA, champion, candidate)


@pytest.mark.parametrize(
    ("limits", "champion", "candidate", "setting"),
    [
        pytest.param(GateVetoes(brier_rise=0.005), CHAMPION, UNCALIBRATED, "GATE_VETOES brier_rise", id="calibration"),
        pytest.param(
            GateVetoes(flip_share=0.01), CHAMPION, CANDIDATE, "GATE_VETOES flip_share", id="flipped decisions"
        ),
        pytest.param(GateVetoes(slice_loss=0.01), CHAMPION, BLIND_IN_A_BAND, "GATE_VETOES slice_loss", id="a slice"),
    ],
)
def test_a_better_candidate_is_refused(
    limits: GateVetoes, champion: np.ndarray, candidate: np.ndarray, setting: str
) -> None:
    assert judged(GateVetoes(), champion, candidate).verdict is Verdict.PASS, "no limit is set"
    refused = judged(limits, champion, candidate)
    assert refused.verdict is Verdict.FAIL
    assert any(reason.startswith("veto") and setting in reason for reason in refused.reasons)


@pytest.mark.parametrize(
    ("limits", "setting"),
    [
        pytest.param(GateVetoes(precision_loss=0.1), "GATE_VETOES precision_loss", id="precision"),
        pytest.param(GateVetoes(recall_loss=0.1), "GATE_VETOES recall_loss", id="recall"),
    ],
)
def test_a_loss_at_the_review_capacity_is_a_veto(limits: GateVetoes, setting: str) -> None:
    report = judged(limits, CANDIDATE, CHAMPION)
    assert any(reason.startswith("veto") and setting in reason for reason in report.reasons)


def test_a_gain_breaks_no_limit() -> None:
    strictest = GateVetoes(brier_rise=0.0, precision_loss=0.0, recall_loss=0.0, slice_loss=0.0, flip_share=1.0)
    assert judged(strictest, CHAMPION, CANDIDATE).verdict is Verdict.PASS
