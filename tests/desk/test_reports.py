"""Reports of checks have addresses, which show them as they were written and give them no right."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from desk.reports.pages import POLICY
from fraud.report.stored import Report, ReportKind, store_report
from serve.people.account import PersonRole
from tests.desk.browser import Browser
from tests.serve.prediction_log_rows import execute

NOON = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
PAGE = "<!doctype html><title>Drift</title><script>alert(1)</script>"

Browsers = Callable[..., Browser]
People = Callable[..., str]


@pytest.fixture
def numbers(database: str) -> list[int]:
    """Of a drift check's report and of a gate's."""
    reports = [
        Report(ReportKind.DRIFT, NOON, "fail", PAGE, '{"verdict": "fail"}'),
        Report(ReportKind.GATE, NOON, "pass", PAGE, '{"verdict": "pass"}'),
    ]
    found = [store_report(database, report) for report in reports]
    return [number for number in found if number is not None]


@pytest.fixture
def auditor(browser: Browsers, people: People) -> Browser:
    """Somebody who may read reports."""
    here = browser()
    here.log_in_first("anna", people("anna", PersonRole.AUDIT))
    return here


def test_reports_are_listed_and_chosen_by_kind(auditor: Browser, numbers: list[int]) -> None:
    page = auditor.get("/reports").text
    assert [page.find(f'href="/reports/{number}"') > 0 for number in numbers] == [True, True]
    assert page.find("Gate of a candidate</td>") < page.find("Drift check</td>"), "the newest first"
    chosen = auditor.get("/reports?kind=drift").text
    assert f'href="/reports/{numbers[0]}"' in chosen
    assert f'href="/reports/{numbers[1]}"' not in chosen


def test_a_report_is_shown_as_it_was_written_and_can_do_nothing(auditor: Browser, numbers: list[int]) -> None:
    shown = auditor.get(f"/reports/{numbers[0]}")
    assert shown.text == PAGE
    assert shown.headers["content-security-policy"] == POLICY
    assert POLICY.startswith("sandbox;")
    assert "script-src" not in POLICY
    facts = auditor.get(f"/reports/{numbers[0]}.json")
    assert facts.json() == {"verdict": "fail"}
    assert facts.headers["content-disposition"] == 'attachment; filename="drift-20260501T120000Z.json"'


def test_the_first_page_leads_to_the_newest_of_each_kind(auditor: Browser, numbers: list[int]) -> None:
    page = auditor.get("/").text
    for number in numbers:
        assert f'<a href="/reports/{number}">Report {number}</a>' in page
    assert "Verification of the record" in page


@pytest.mark.parametrize(
    "path", ["/reports/0", "/reports/999999", "/reports/99999999999999999999", "/reports/x", "/reports?kind=other"]
)
def test_an_unknown_report_is_a_404_page(auditor: Browser, numbers: list[int], path: str) -> None:
    assert auditor.get(path).status_code == 404


def test_a_changed_report_is_not_shown(auditor: Browser, numbers: list[int], database: str) -> None:
    execute(database, "ALTER TABLE reports DISABLE TRIGGER ALL; UPDATE reports SET page = 'all is well'")
    answer = auditor.get(f"/reports/{numbers[0]}")
    assert answer.status_code == 409
    assert "somebody changed it in the database" in answer.text
    assert "all is well" not in answer.text


def test_reports_are_for_nobody_else(browser: Browsers, people: People, numbers: list[int]) -> None:
    paths = ["/reports", f"/reports/{numbers[0]}", f"/reports/{numbers[0]}.json"]
    assert [browser().get(path).headers["location"][:7] for path in paths] == ["/login?"] * 3
    officer = browser()
    officer.log_in_first("bert", people("bert", PersonRole.REVIEW))
    assert [officer.get(path).status_code for path in paths] == [403] * 3
