"""The report of a verification that is kept: a JSON file and a page, named by the time at which it ended."""

from __future__ import annotations

import datetime as dt
from html import escape
from pathlib import Path
from string import Template
from typing import Final

import msgspec

from fraud.report.files import write_files
from serve.audit.findings import Finding
from serve.audit.verification import Report

PAGE: Final = Path(__file__).with_name("verify_page.html")


class Versions(msgspec.Struct, frozen=True):
    """What verified what."""

    schema: int
    postgres: str
    python: str
    psycopg2: str


class Place(msgspec.Struct, frozen=True):
    """Where was looked."""

    database: str
    spool: str


def write_report(folder: Path, report: Report, place: Place, versions: Versions, unchained: int) -> tuple[Path, ...]:
    """Write both files; those of other times stay.

    Raises:
        OSError: the folder can't be written to.
    """
    name = f"verify-{report.ended_at.astimezone(dt.UTC):%Y%m%dT%H%M%S.%fZ}"
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
        "unchained_records": unchained,
        "found": report.found,
        "counts": dict(report.counts),
        "findings": report.findings,
        "findings_not_listed": report.found - len(report.findings),
    }
    page = encode_page(report, place, versions, unchained)
    json = msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"
    return write_files(folder, {f"{name}.json": json, f"{name}.html": page.encode()})


def encode_page(report: Report, place: Place, versions: Versions, unchained: int) -> str:
    """The page: nothing to fetch, no scripts."""
    facts = {
        "Verdict": f"{report.verdict} (exit status {report.verdict.exit_status})",
        "From": _moment(report.began_at),
        "To": _moment(report.ended_at),
        "Database": place.database,
        "Spool and anchors": place.spool,
        "Chains": f"{report.chains:,}",
        "Records": f"{report.records:,}",
        "Erasures": f"{report.erasures:,}",
        "Records that no chain holds": f"{unchained:,}",
        "Findings": f"{report.found:,}",
        "Versions": f"schema {versions.schema}, PostgreSQL {versions.postgres}, Python {versions.python}, "
        f"psycopg2 {versions.psycopg2}",
    }
    left = report.found - len(report.findings)
    return Template(PAGE.read_text(encoding="utf-8")).substitute(
        verdict=escape(report.verdict),
        facts="\n".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts.items()),
        findings="\n".join(map(_row, report.findings)) or '<tr><td colspan="4">none</td></tr>',
        note=f"{left:,} further findings are counted and not listed." if left else "All findings are listed.",
    )


def _row(finding: Finding) -> str:
    chain = "" if finding.chain_id is None else str(finding.chain_id)
    record = "" if finding.sequence is None else str(finding.sequence)
    return (
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in (finding.fault, chain, record, finding.what)) + "</tr>"
    )


def _moment(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"
