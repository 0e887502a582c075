"""The report as JUnit XML, which every CI server shows as test results.

A check that could not be decided is a failure of type `inconclusive`: "skipped" would look harmless on the CI server,
and the candidate is not promoted.
"""

from __future__ import annotations

import re
from typing import Final
from xml.etree import ElementTree as ET

from bench.gate.report.gate_report import GateReport
from fraud.verdict import Verdict

FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 can't hold, not even escaped."""


def junit_xml(report: GateReport) -> bytes:
    """One test case for each half, and one for the gate as a whole."""
    suite = ET.Element("testsuite", name="promotion gate", timestamp=report.started.isoformat(timespec="seconds"))
    suite.set("time", f"{report.seconds:.3f}")
    if report.quality is not None:
        _case(suite, "average precision", report.quality.verdict, report.quality.reasons)
    if report.latency is not None:
        _case(suite, "latency", report.latency.verdict, report.latency.reasons)
    _case(suite, "promotion", report.verdict, report.reasons, report.seconds)
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", str(len(suite.findall("testcase/error"))))
    suites = ET.Element("testsuites")
    suites.append(suite)
    return bytes(ET.tostring(suites, encoding="utf-8", xml_declaration=True)) + b"\n"


def _case(
    suite: ET.Element, name: str, verdict: Verdict, reasons: tuple[str, ...], seconds: float | None = None
) -> None:
    case = ET.SubElement(suite, "testcase", classname="gate", name=name)
    if seconds is not None:
        case.set("time", f"{seconds:.3f}")
    text = FORBIDDEN.sub("?", "\n".join(reasons))
    if verdict is Verdict.PASS:
        ET.SubElement(case, "system-out").text = text
        return
    broken = verdict in {Verdict.ERROR, Verdict.DATA_QUALITY_FAULT}
    ET.SubElement(case, "error" if broken else "failure", type=verdict, message=text.split("\n")[0]).text = text
