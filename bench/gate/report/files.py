"""The report's files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bench.gate.report.gate_json import gate_json
from bench.gate.report.gate_report import GateReport
from bench.gate.report.junit import junit_xml
from bench.gate.report.page import html_page

JSON_FILE: Final = "gate.json"
PAGE_FILE: Final = "gate.html"
JUNIT_FILE: Final = "junit.xml"


def write_report(report: GateReport, folder: Path) -> tuple[Path, ...]:
    """Write `gate.json`, `gate.html` and `junit.xml` into the folder, which is made if it is not there.

    Files of an earlier gate are replaced; each appears whole or not at all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        JSON_FILE: gate_json(report),
        PAGE_FILE: html_page(report).encode("utf-8"),
        JUNIT_FILE: junit_xml(report),
    }
    for name, content in contents.items():
        partial = folder / f".{name}.partial"
        partial.write_bytes(content)
        partial.replace(folder / name)
    return tuple(folder / name for name in contents)
