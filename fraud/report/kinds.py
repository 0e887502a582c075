"""How people call the kinds of reports, and what a verdict asks of them."""

from __future__ import annotations

from typing import Final

from fraud.report.stored import ReportKind
from fraud.verdict import Verdict

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
TO_DO: Final[dict[tuple[str, str], str]] = {
    (ReportKind.DRIFT, Verdict.FAIL): (
        "Applicants have changed. The report names the features; where the schedule runs, it retrains by itself, "
        "else run `python -m jenkins.retrain --reason drift`."
    ),
    (ReportKind.DRIFT, Verdict.DATA_QUALITY_FAULT): (
        "Values come in that can't be right. The report names the features: have whoever sends them mend the "
        "feed, and do not retrain before."
    ),
    (ReportKind.DRIFT, Verdict.ERROR): (
        "The drift check could not run. The report says why; mend that and run it again."
    ),
    (ReportKind.GROUPS, Verdict.FAIL): "Some group is treated otherwise than the month before: read why, and decide.",
    (ReportKind.GROUPS, Verdict.ERROR): (
        "Groups could not be compared. The report says why; mend that and run it again."
    ),
    (ReportKind.GATE, Verdict.INCONCLUSIVE): (
        "The gate could not tell, and production stays as it is. The report says what was missing; run `python -m "
        "bench gate` again in a quiet hour."
    ),
    (ReportKind.GATE, Verdict.ERROR): "The gate could not run. The report says why; mend that and run it again.",
    (ReportKind.SHADOW, Verdict.FAIL): (
        "The candidate decides otherwise too often: read on whom, before it is promoted."
    ),
    (ReportKind.SHADOW, Verdict.DATA_QUALITY_FAULT): (
        "The record is not what production gives: verify it, and find out why."
    ),
    (ReportKind.RETRAINING, Verdict.INCONCLUSIVE): "The retraining decided nothing: its report says at which stage.",
    (ReportKind.RETRAINING, Verdict.DATA_QUALITY_FAULT): (
        "The retraining found faulty data: have them mended, then retrain."
    ),
    (ReportKind.RETRAINING, Verdict.ERROR): "The retraining broke off: its report says at which stage.",
    (ReportKind.REPLAY, Verdict.ERROR): "The replay failed: its report says in which month.",
    (ReportKind.VERIFY, Verdict.FAIL): (
        "The record is not as it was written. Change nothing in the database, take a backup, and follow the "
        "findings of the report."
    ),
    (ReportKind.VERIFY, Verdict.ERROR): "The record could not be verified: run `python -m serve.audit verify` again.",
    (ReportKind.BACKUP, Verdict.ERROR): "The last backup failed: mend what its report names, and take another.",
}
"""Kinds and verdicts that need somebody."""
