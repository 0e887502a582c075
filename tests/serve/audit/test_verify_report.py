"""The report that an auditor keeps: the same in both files, and safe to open whatever is in the log."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from serve.audit.findings import Fault, Finding
from serve.audit.verification import Report
from serve.audit.verify_report import Place, Versions, report_page, told_of, write_report
from tests.html_page import Page
from tests.live_stack import project_environment
from tests.serve.prediction_log_rows import execute, fetch, record, running_spool, ship_all

PLACE = Place("loans", "/spool")
VERSIONS = Versions(7, "16.2", "3.11.7", "2.9")
MOMENT = dt.datetime(2026, 5, 1, 12, 30, tzinfo=dt.UTC)


def report_of(*findings: Finding, found: int | None = None) -> Report:
    counts = {Fault.CHANGED: len(findings) if found is None else found}
    return Report(2, 10, 1, (), findings, counts, MOMENT, MOMENT + dt.timedelta(minutes=5))


def test_a_page_shows_what_was_found_as_text() -> None:
    finding = Finding(Fault.CHANGED, "<script>alert(1)</script>", uuid.UUID(int=7), 3)
    page = report_page(report_of(finding), PLACE, VERSIONS, 0)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert str(uuid.UUID(int=7)) in page
    assert "2026-05-01 12:30:00 UTC" in page
    assert "12:35:00" in page
    assert "exit status 10" in page


def test_a_page_says_how_many_findings_it_leaves_out() -> None:
    page = report_page(report_of(Finding(Fault.CHANGED, "it"), found=12_000), PLACE, VERSIONS, 0)
    assert "11,999 further findings are counted, but not listed" in page


def test_reports_of_other_times_stay(tmp_path: Path) -> None:
    first = write_report(tmp_path / "kept", told_of(report_of(), PLACE, VERSIONS, 0))
    later = Report(1, 1, 0, (), (), {}, MOMENT, MOMENT + dt.timedelta(minutes=6))
    second = write_report(tmp_path / "kept", told_of(later, PLACE, VERSIONS, 0))
    assert {path.name for path in (*first, *second)} == {
        "verify-20260501T123500.000000Z.json",
        "verify-20260501T123500.000000Z.html",
        "verify-20260501T123600.000000Z.json",
        "verify-20260501T123600.000000Z.html",
    }
    assert all(path.exists() for path in (*first, *second))


@pytest.mark.parametrize(
    ("statement", "status"), [("SELECT 1", 0), ("UPDATE prediction_requests SET caller = 'me' WHERE sequence = 2", 10)]
)
def test_the_command_writes_what_it_says(database: str, tmp_path: Path, statement: str, status: int) -> None:
    with running_spool(tmp_path) as spool:
        for _ in range(3):
            spool.append(record())
    ship_all(tmp_path, database)
    execute(database, statement)
    run = subprocess.run(
        [sys.executable, "-m", "serve.audit", "verify", "--report", "reports"],
        env=project_environment(RUN_DIR=str(tmp_path), SPOOL_DIR=str(tmp_path), DATABASE_URL=database),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == status, run.stderr
    page, told = sorted((tmp_path / "reports").iterdir())
    assert (page.suffix, told.suffix) == (".html", ".json")
    assert page.name in run.stdout
    content = json.loads(told.read_text())
    assert (content["exit_status"], content["records"], content["found"]) == (status, 3, len(content["findings"]))
    assert content["began_at"] < content["ended_at"]
    assert content["versions"]["schema"] > 0
    shown = Page(page.read_text())
    assert not shown.open
    assert not shown.every("script")
    assert "3" in shown.words
    stored = fetch(database, "SELECT kind, verdict, page, facts FROM reports")
    assert stored == [("verify", content["verdict"], page.read_text(), told.read_text())]
