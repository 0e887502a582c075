"""How people call the kinds of reports."""

from __future__ import annotations

from typing import Final

from fraud.report.stored import ReportKind

CALLED: Final = {
    ReportKind.DRIFT: "Drift check",
    ReportKind.GROUPS: "Groups of applicants",
    ReportKind.GATE: "Gate of a candidate",
    ReportKind.SHADOW: "Candidate in the shadow",
    ReportKind.RETRAINING: "Retraining",
    ReportKind.REPLAY: "Replay of a year",
    ReportKind.PLAN: "Review plan",
    ReportKind.VERIFY: "Verification of the record",
    ReportKind.BACKUP: "Backup",
}
