"""The gate passes only when both halves do; what was not looked at is never a pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.gate.report.gate_report import GateReport
from fraud.verdict import Verdict
from tests.bench.gate.report.gate_reports import first_model, latency, quality, report

PASS, FAIL, INCONCLUSIVE, ERROR = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR


@pytest.mark.parametrize(
    ("made", "verdict", "reason"),
    [
        pytest.param(lambda: report(quality(), latency()), PASS, "AUC-PR", id="both pass"),
        pytest.param(lambda: report(quality(), latency(FAIL)), FAIL, "latency", id="too slow"),
        pytest.param(lambda: report(quality(FAIL), latency()), FAIL, "AUC-PR", id="not better"),
        pytest.param(lambda: report(quality(FAIL)), FAIL, "AUC-PR", id="not better, so nobody measured latency"),
        pytest.param(lambda: report(quality(), latency(INCONCLUSIVE)), INCONCLUSIVE, "latency", id="too noisy"),
        pytest.param(lambda: report(quality(INCONCLUSIVE), latency()), INCONCLUSIVE, "too few rows", id="too few rows"),
        pytest.param(lambda: report(quality()), INCONCLUSIVE, "not measured", id="latency was left out"),
        pytest.param(lambda: report(first_model()), PASS, "no champion", id="first model: nobody to race against"),
        pytest.param(lambda: report(None), ERROR, "checked nothing", id="nothing was checked"),
        pytest.param(lambda: report(None, error="the registry failed"), ERROR, "the registry failed", id="error"),
        pytest.param(lambda: report(quality(), latency(), "the server died"), ERROR, "died", id="error after a pass"),
    ],
)
def test_verdict(made: Callable[[], GateReport], verdict: Verdict, reason: str) -> None:
    found = made()
    assert found.verdict is verdict
    assert any(reason in line for line in found.reasons)
