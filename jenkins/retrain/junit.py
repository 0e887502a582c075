"""The record as JUnit XML: a test case for each stage."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fraud.junit import Case, junit_xml
from jenkins.retrain.record import Record

JUNIT_FILE: Final = "junit.xml"


def write_junit(record: Record, folder: Path) -> None:
    """Write `junit.xml` into the folder."""
    ran = [Case(result.stage, result.verdict, result.reasons, result.seconds) for result in record.stages]
    to_come = [Case(stage, None, ("not begun",)) for stage in record.to_come]
    seconds = sum(result.seconds for result in record.stages)
    content = junit_xml("retraining", "retraining", record.started, seconds, [*ran, *to_come])
    (folder / JUNIT_FILE).write_bytes(content)
