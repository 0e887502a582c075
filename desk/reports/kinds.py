"""How people call the kinds of reports."""

from __future__ import annotations

from typing import Final

from fraud.report.stored import ReportKind

CALLED: Final = {
    ReportKind.DRIFT: "Drift check",
    ReportKind.GATE: "Gate of a candidate",
    ReportKind.VERIFY: "Verification of the record",
}
