"""A check as JUnit XML, which every CI server shows as test results.

An inconclusive check is a failure of type `inconclusive`: "skipped" would look harmless on the CI server, although
nothing that depends on the check happens.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree as ET

from fraud.verdict import Verdict

FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 can't contain, even escaped."""


@dataclass(frozen=True, slots=True)
class Case:
    """One part of a check, or the check as a whole."""

    name: str
    verdict: Verdict
    reasons: tuple[str, ...]
    seconds: float | None = None
    """How long it took."""


def junit_xml(suite_name: str, class_name: str, started: dt.datetime, seconds: float, cases: Sequence[Case]) -> bytes:
    """A test suite of these cases, all of one class."""
    suite = ET.Element("testsuite", name=suite_name, timestamp=started.isoformat(timespec="seconds"))
    suite.set("time", f"{seconds:.3f}")
    for case in cases:
        _add(suite, class_name, case)
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", str(len(suite.findall("testcase/error"))))
    suites = ET.Element("testsuites")
    suites.append(suite)
    return bytes(ET.tostring(suites, encoding="utf-8", xml_declaration=True)) + b"\n"


def _add(suite: ET.Element, class_name: str, case: Case) -> None:
    element = ET.SubElement(suite, "testcase", classname=class_name, name=case.name)
    if case.seconds is not None:
        element.set("time", f"{case.seconds:.3f}")
    text = FORBIDDEN.sub("?", "\n".join(case.reasons))
    if case.verdict is Verdict.PASS:
        ET.SubElement(element, "system-out").text = text
        return
    broken = case.verdict in {Verdict.ERROR, Verdict.DATA_QUALITY_FAULT}
    kind = "error" if broken else "failure"
    ET.SubElement(element, kind, type=case.verdict, message=text.split("\n")[0]).text = text
