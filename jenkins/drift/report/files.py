"""The report's files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fraud.report.files import write_files
from fraud.report.stored import Report, ReportKind
from jenkins.drift.report.junit import junit_xml
from jenkins.drift.report.page import html_page
from jenkins.drift.report.verdict_json import verdict_json
from jenkins.drift.result import DriftResult

JSON_FILE: Final = "verdict.json"
PAGE_FILE: Final = "report.html"
JUNIT_FILE: Final = "junit.xml"


def write_report(result: DriftResult, folder: Path) -> tuple[Path, ...]:
    """Write `verdict.json`, `report.html` and `junit.xml` into the folder, which is made if it is not there."""
    contents = {
        JSON_FILE: verdict_json(result),
        PAGE_FILE: html_page(result).encode("utf-8"),
        JUNIT_FILE: junit_xml(result),
    }
    return write_files(folder, contents)


def stored_report(result: DriftResult) -> Report:
    """The same for the database."""
    return Report(ReportKind.DRIFT, result.checked_at, result.verdict, html_page(result), verdict_json(result).decode())
