"""A lock file passes its audit only if every package in it was looked up and none is known to be vulnerable."""

from __future__ import annotations

from typing import Any

import pytest

from fraud.verdict import Verdict
from requirements.audit import judge

CLEAN = {"name": "numpy", "version": "2.4.6", "vulns": []}
KNOWN = {"name": "old", "version": "1.0", "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["1.1"]}]}
UNKNOWN = {"name": "uv", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "verdict", "said"),
    [
        pytest.param([CLEAN], Verdict.PASS, "1 packages, none", id="nothing known"),
        pytest.param([CLEAN, KNOWN], Verdict.FAIL, "old 1.0: PYSEC-2026-1", id="one is vulnerable"),
        pytest.param([CLEAN, UNKNOWN], Verdict.INCONCLUSIVE, "1 of 2 packages could not be", id="one not looked up"),
        pytest.param(
            [KNOWN, UNKNOWN, UNKNOWN, UNKNOWN],
            Verdict.FAIL,
            "old 1.0: PYSEC-2026-1",
            id="one vulnerable, others not looked up",
        ),
        pytest.param([], Verdict.INCONCLUSIVE, "", id="nothing looked at"),
    ],
)
def test_a_verdict(packages: list[dict[str, Any]], verdict: Verdict, said: str) -> None:
    found, lines = judge({"dependencies": packages})
    assert found is verdict
    assert said in "\n".join(lines)
