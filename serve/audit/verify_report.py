"""The saved report of a verification: a JSON file and a page, named by its end time."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec

from fraud.report import stored
from fraud.report.files import write_files
from fraud.report.plain_page import encode_page, facts_table, note, rows_table, time_text, verdict_heading
from serve.audit.findings import Finding
from serve.audit.verification import Report


class Versions(msgspec.Struct, frozen=True):
    """Versions of the programs involved."""

    schema: int
    postgres: str
    python: str
    psycopg2: str


class Place(msgspec.Struct, frozen=True):
    """The places verified."""

    database: str
    spool: str


def write_report(folder: Path, report: stored.Report) -> tuple[Path, ...]:
    """Write both files; earlier reports stay.

    Raises:
        OSError: the folder can't be written to.
    """
    name = f"verify-{report.made_at.astimezone(dt.UTC):%Y%m%dT%H%M%S.%fZ}"
    return write_files(folder, {f"{name}.json": report.facts.encode(), f"{name}.html": report.page.encode()})


def told_of(report: Report, place: Place, versions: Versions, unchained: int) -> stored.Report:
    """The content of a verification's report, as JSON and as a page."""
    told = {
        "verdict": report.verdict,
        "exit_status": report.verdict.exit_status,
        "began_at": report.began_at,
        "ended_at": report.ended_at,
        "verified": place,
        "versions": versions,
        "chains": report.chains,
        "records": report.records,
        "erasures": report.erasures,
        "closed_chains": [str(closure) for closure in report.closures],
        "unchained_records": unchained,
        "found": report.found,
        "counts": dict(report.counts),
        "findings": report.findings,
        "findings_not_listed": report.found - len(report.findings),
    }
    page = report_page(report, place, versions, unchained)
    json = msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"
    return stored.Report(stored.ReportKind.VERIFY, report.ended_at, report.verdict, page, json.decode())


def report_page(report: Report, place: Place, versions: Versions, unchained: int) -> str:
    """The page, self-contained and without scripts."""
    facts = {
        "Verdict": f"{report.verdict} (exit status {report.verdict.exit_status})",
        "From": time_text(report.began_at),
        "To": time_text(report.ended_at),
        "Database": place.database,
        "Spool and anchors": place.spool,
        "Chains": f"{report.chains:,}",
        "Records": f"{report.records:,}",
        "Erasures": f"{report.erasures:,}",
        "Chains that operators closed": "; ".join(map(str, report.closures)) or "none",
        "Records outside of chains": f"{unchained:,}",
        "Findings": f"{report.found:,}",
        "Versions": f"schema {versions.schema}, PostgreSQL {versions.postgres}, Python {versions.python}, "
        f"psycopg2 {versions.psycopg2}",
    }
    left = report.found - len(report.findings)
    parts = (
        facts_table(facts.items()),
        "<h2>Findings</h2>",
        rows_table(("Fault", "Chain", "Record", "What"), map(_cells, report.findings)),
        note(f"{left:,} further findings are counted, but not listed." if left else "All findings are listed."),
    )
    heading = verdict_heading("Prediction log", report.verdict)
    return encode_page(f"Prediction log verified: {report.verdict}", parts, heading)


def _cells(finding: Finding) -> tuple[str, str, str, str]:
    chain = "" if finding.chain_id is None else str(finding.chain_id)
    record = "" if finding.sequence is None else str(finding.sequence)
    return finding.fault, chain, record, finding.what
