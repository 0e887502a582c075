"""The record of a retraining for the database, with a page for people."""

from __future__ import annotations

import msgspec

from fraud.report.plain_page import bullets, encode_page, facts_table, rows_table, time_text, verdict_heading
from fraud.report.stored import Report, ReportKind
from fraud.report.verdict_file import verdict_json
from jenkins.retrain.record import Record


def stored_report(record: Record) -> Report:
    """The report of a finished retraining."""
    facts = verdict_json(record.verdict, record.reasons, msgspec.to_builtins(record))
    return Report(ReportKind.RETRAINING, record.started, record.verdict, html_page(record), facts.decode())


def html_page(record: Record) -> str:
    """The page: why it was done, and how each stage ended."""
    facts = {
        "Why": record.reason,
        "Begun": time_text(record.started),
        "Applications known before": record.today,
        "In production afterwards": "as before" if record.production is None else f"version {record.production}",
    }
    stages = (
        (stage.stage, stage.verdict, f"{stage.seconds:,.1f} s", "; ".join(stage.reasons)) for stage in record.stages
    )
    parts = (
        bullets(record.reasons),
        facts_table(facts.items()),
        "<h2>Stages</h2>",
        rows_table(("Stage", "Verdict", "Took", "Why"), stages),
    )
    return encode_page(f"Retraining: {record.verdict}", parts, verdict_heading("Retraining", record.verdict))
