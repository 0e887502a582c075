"""The gate passes only when both halves do; what was not looked at is never a pass."""

from __future__ import annotations

import pytest

from bench.gate.report.gate_report import GateReport
from fraud.verdict import Verdict
from tests.bench.gate.report.gate_reports import first_model, latency, quality, report

PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("found", "verdict", "reason"),
    [
        pytest.param(report(quality(), latency()), PASS, "AUC-PR", id="both pass"),
        pytest.param(report(quality(), latency(FAIL)), FAIL, "latency", id="too slow"),
        pytest.param(report(quality(FAIL), latency()), FAIL, "AUC-PR", id="not better"),
        pytest.param(report(quality(FAIL)), FAIL, "AUC-PR", id="not better, so nobody measured latency"),
        pytest.param(report(quality(), latency(INCONCLUSIVE)), INCONCLUSIVE, "latency", id="too noisy"),
        pytest.param(report(quality(INCONCLUSIVE), latency()), INCONCLUSIVE, "too few rows", id="too few rows"),
        pytest.param(report(quality()), INCONCLUSIVE, "not measured", id="latency was left out"),
        pytest.param(report(first_model()), PASS, "no champion", id="first model: nobody to race against"),
        pytest.param(report(None), Verdict.ERROR, "looked at nothing", id="nothing was looked at"),
        pytest.param(report(None, error="the registry failed"), Verdict.ERROR, "the registry failed", id="error"),
        pytest.param(report(quality(), latency(), "the server died"), Verdict.ERROR, "died", id="error after a pass"),
    ],
)
def test_verdict(found: GateReport, verdict: Verdict, reason: str) -> None:
    assert found.verdict is verdict
    assert any(reason in line for line in found.reasons)
