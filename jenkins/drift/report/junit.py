"""The check as JUnit XML."""

from __future__ import annotations

from fraud.report import junit
from fraud.verdict import Verdict
from jenkins.drift.result import DriftResult


def junit_xml(result: DriftResult) -> bytes:
    """One test case for each variable of each window that had enough rows, and one for the check as a whole."""
    cases = []
    for window in result.windows:
        if window.verdict is Verdict.INCONCLUSIVE:
            continue
        cases += [junit.Case(f"{window.name}: {one.name}", one.verdict, one.reasons) for one in window.ranked]
        if window.positive_rate is not None:
            rate = window.positive_rate
            cases.append(junit.Case(f"{window.name}: positive rate", rate.verdict, rate.reasons))
    cases.append(junit.Case("drift", result.verdict, result.reasons, result.seconds))
    return junit.junit_xml("drift monitor", "drift", result.checked_at, result.seconds, cases)
