"""The record as JUnit XML."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fraud.report.files import write_files
from fraud.report.junit import Case, junit_xml
from jenkins.retrain.record import Record

JUNIT_FILE: Final = "junit.xml"


def write_junit(record: Record, folder: Path) -> None:
    """Write `junit.xml`: one test case for each stage that was begun, and one for the retraining as a whole."""
    seconds = sum(result.seconds for result in record.stages)
    cases = [Case(result.stage, result.verdict, result.reasons, result.seconds) for result in record.stages]
    cases.append(Case("retraining", record.verdict, record.reasons, seconds))
    write_files(folder, {JUNIT_FILE: junit_xml("retraining", "retraining", record.started, seconds, cases)})
