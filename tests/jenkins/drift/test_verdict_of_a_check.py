"""The verdict of windows together, and of a window whatever it holds."""

from __future__ import annotations

import pytest

from fraud.verdict import Verdict
from jenkins.drift.result import WindowDrift
from tests.jenkins.drift.report.drift_results import result, too_few, window


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        pytest.param([window(Verdict.PASS), window(Verdict.FAIL)], Verdict.FAIL, id="drift of either"),
        pytest.param([too_few(), window(Verdict.PASS)], Verdict.PASS, id="a day with too few, a quiet week"),
        pytest.param([too_few(), window(Verdict.FAIL)], Verdict.FAIL, id="a day with too few, a week that drifts"),
        pytest.param([too_few()], Verdict.INCONCLUSIVE, id="nothing can tell"),
        pytest.param([], Verdict.INCONCLUSIVE, id="nothing was looked at"),
        pytest.param(
            [window(Verdict.FAIL), window(Verdict.DATA_QUALITY_FAULT)],
            Verdict.DATA_QUALITY_FAULT,
            id="never train on a fault",
        ),
    ],
)
def test_of_windows(windows: list[WindowDrift], expected: Verdict) -> None:
    assert result(*windows).verdict is expected
    assert result(*windows).reasons


def test_an_error_wins_over_all() -> None:
    found = result(window(Verdict.PASS), error="the labels can't be read")
    assert found.verdict is Verdict.ERROR
    assert found.reasons[0] == "the labels can't be read"


def test_too_few_rows_are_never_no_drift() -> None:
    assert all(one.verdict is Verdict.PASS for one in too_few().variables)
    assert too_few().verdict is Verdict.INCONCLUSIVE
    assert too_few().reasons == ("120 applications, 1,000 are needed to tell",)
