"""The report of a backup in the database: when it was taken, where it is, and its content."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec

from fraud.report.plain_page import encode_page, facts_table, note, rows_table, time_text, verdict_heading
from fraud.report.stored import Report, ReportKind
from fraud.verdict import Verdict
from serve.audit.backup.manifest import Manifest


def taken_report(manifest: Manifest, folder: Path) -> Report:
    """The report of a complete backup."""
    facts = {
        "Taken": time_text(manifest.taken_at),
        "Folder": folder,
        "Size": f"{manifest.size_bytes / 1e6:,.1f} MB",
        "Schema version": manifest.schema_version,
        "PostgreSQL": manifest.postgres,
    }
    files = ((name, f"{file.bytes:,}", file.sha256) for name, file in manifest.files.items())
    parts = (
        facts_table(facts.items()),
        "<h2>Files</h2>",
        rows_table(("File", "Bytes", "SHA-256"), files),
        note("`python -m serve.audit restore` restores it into an empty database, and verifies it."),
    )
    details = {"folder": str(folder)} | msgspec.to_builtins(manifest)
    return _report(Verdict.PASS, manifest.taken_at, parts, details)


def failed_report(at: dt.datetime, folder: Path, fault: str) -> Report:
    """The report of a failed backup."""
    parts = (facts_table({"At": time_text(at), "Folder": folder, "Fault": fault}.items()),)
    return _report(Verdict.ERROR, at, parts, {"folder": str(folder), "fault": fault})


def _report(verdict: Verdict, at: dt.datetime, parts: tuple[str, ...], details: dict[str, object]) -> Report:
    page = encode_page(f"Backup: {verdict}", parts, verdict_heading("Backup", verdict))
    facts = msgspec.json.encode({"verdict": verdict, "exit_status": verdict.exit_status} | details)
    return Report(ReportKind.BACKUP, at, verdict, page, facts.decode())
