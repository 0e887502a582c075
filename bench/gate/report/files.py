"""The report's files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bench.gate.report.gate_json import gate_json
from bench.gate.report.gate_report import GateReport
from bench.gate.report.junit import junit_xml
from bench.gate.report.page import html_page
from fraud.report.files import write_files
from fraud.report.stored import Report, ReportKind

JSON_FILE: Final = "gate.json"
PAGE_FILE: Final = "gate.html"
JUNIT_FILE: Final = "junit.xml"


def write_report(report: GateReport, folder: Path) -> tuple[Path, ...]:
    """Write `gate.json`, `gate.html` and `junit.xml` into the folder, which is made if it is not there."""
    contents = {
        JSON_FILE: gate_json(report),
        PAGE_FILE: html_page(report).encode("utf-8"),
        JUNIT_FILE: junit_xml(report),
    }
    return write_files(folder, contents)


def stored_report(report: GateReport) -> Report:
    """The same for the database."""
    return Report(ReportKind.GATE, report.started, report.verdict, html_page(report), gate_json(report).decode())
