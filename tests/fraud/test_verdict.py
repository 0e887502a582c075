"""The verdicts and the exit statuses that other programs rely on."""

from __future__ import annotations

import pytest

from fraud.command import EXIT_ERROR
from fraud.verdict import Verdict, worst


def test_exit_statuses_are_the_documented_ones() -> None:
    assert {verdict.value: verdict.exit_status for verdict in Verdict} == {
        "pass": 0,
        "fail": 10,
        "inconclusive": 20,
        "error": EXIT_ERROR,
        "data_quality_fault": 30,
    }


def test_no_verdict_looks_like_a_crash() -> None:
    assert 1 not in {verdict.exit_status for verdict in Verdict}


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        pytest.param("pass pass", "pass", id="all pass"),
        pytest.param("pass inconclusive", "inconclusive", id="can't tell is no pass"),
        pytest.param("inconclusive fail", "fail", id="a failure is one, whatever is unknown beside it"),
        pytest.param("fail data_quality_fault", "data_quality_fault", id="wrong data make a failure meaningless"),
        pytest.param("error fail pass", "error", id="what could not run"),
    ],
)
def test_a_check_passes_only_when_every_part_does(parts: str, whole: str) -> None:
    assert worst(Verdict(part) for part in parts.split()) is Verdict(whole)


def test_nothing_checked_is_not_a_pass() -> None:
    with pytest.raises(ValueError, match="at least one"):
        worst([])
