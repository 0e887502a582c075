"""The report as JUnit XML."""

from __future__ import annotations

from bench.gate.report.gate_report import GateReport
from fraud.report import junit


def junit_xml(report: GateReport) -> bytes:
    """One test case for each half, and one for the gate as a whole."""
    halves = (("average precision", report.quality), ("latency", report.latency))
    cases = [junit.Case(name, half.verdict, half.reasons) for name, half in halves if half is not None]
    cases.append(junit.Case("promotion", report.verdict, report.reasons, report.seconds))
    return junit.junit_xml("promotion gate", "gate", report.started, report.seconds, cases)
