"""Names of the kinds of reports, and what to do on a verdict."""

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
        "Applicants have changed. The report names the features. A running schedule retrains by itself; "
        "otherwise run `python -m jenkins.retrain --reason drift`."
    ),
    (ReportKind.DRIFT, Verdict.DATA_QUALITY_FAULT): (
        "Requests have values that can't be right. The report names the features: let the sender repair the "
        "feed, and do not retrain before."
    ),
    (ReportKind.DRIFT, Verdict.ERROR): (
        "The drift check could not run. Correct the cause that the report names, and run it again."
    ),
    (ReportKind.GROUPS, Verdict.FAIL): "A group is treated differently from the month before: read why, and decide.",
    (ReportKind.GROUPS, Verdict.ERROR): (
        "Groups could not be compared. Correct the cause that the report names, and run it again."
    ),
    (ReportKind.GATE, Verdict.INCONCLUSIVE): (
        "The gate was inconclusive, and production is unchanged. The report says what was missing; run "
        "`python -m bench gate` again in a quiet hour."
    ),
    (ReportKind.GATE, Verdict.ERROR): "The gate could not run. Correct the cause that the report names; run it again.",
    (ReportKind.SHADOW, Verdict.FAIL): ("The candidate changes too many decisions: read which, before you promote it."),
    (ReportKind.SHADOW, Verdict.DATA_QUALITY_FAULT): (
        "The record differs from what production returns: verify it, and find out why."
    ),
    (ReportKind.RETRAINING, Verdict.INCONCLUSIVE): "The retraining decided nothing: its report says at which stage.",
    (ReportKind.RETRAINING, Verdict.DATA_QUALITY_FAULT): (
        "The retraining found faulty data: let them be corrected, then retrain."
    ),
    (ReportKind.RETRAINING, Verdict.ERROR): "The retraining ended with an error: its report says at which stage.",
    (ReportKind.REPLAY, Verdict.ERROR): "The replay failed: its report says in which month.",
    (ReportKind.VERIFY, Verdict.FAIL): (
        "The record is not as it was written. Change nothing in the database, take a backup, and follow the "
        "findings of the report."
    ),
    (ReportKind.VERIFY, Verdict.ERROR): "The record could not be verified: run `python -m serve.audit verify` again.",
    (ReportKind.BACKUP, Verdict.ERROR): "The last backup failed: correct the cause that its report names; run another.",
}
"""Kinds and verdicts that need a person, with what to do."""
