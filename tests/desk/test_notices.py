"""`/notices` shows what people were told of, and what reached nobody."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

import pytest

from fraud.report.stored import Report, ReportKind, store_report
from serve.people.account import PersonRole
from tests.desk.browser import Browser
from tests.serve.prediction_log_rows import execute

NOON = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)

Browsers = Callable[..., Browser]
People = Callable[..., str]


@pytest.fixture
def operator(browser: Browsers, people: People) -> Browser:
    here = browser()
    here.log_in_first("anna", people("anna", PersonRole.OPERATE))
    return here


def plain_text(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_notices_are_listed_with_what_became_of_them(operator: Browser, database: str) -> None:
    number = store_report(database, Report(ReportKind.DRIFT, NOON, "fail", "page", "{}"))
    store_report(database, Report(ReportKind.VERIFY, NOON, "<b>odd</b>", "page", "{}"))
    execute(
        database,
        "INSERT INTO notice_deliveries (notice, way, state, tries, fault, ended_at) SELECT min(number), 'webhook',"
        " 'lost', 9, '<i>it answered 500</i>', now() FROM notices",
    )
    page = operator.get("/notices").text
    told = plain_text(page)
    assert f'<a href="/reports/{number}">Drift check: fail</a>' in page
    assert "Applicants have changed." in told
    assert "webhook: lost, &lt;i&gt;it answered 500&lt;/i&gt; (9 tries)" in told
    assert "Notices of the last seven days that reached nobody: 1." in told
    assert "Verification of the record: &lt;b&gt;odd&lt;/b&gt;" in told
    assert "not sent" in told
    assert "Changed verdicts and alerts are sent by webhook." in told


def test_no_notice_is_a_line(operator: Browser) -> None:
    assert "There are no notices" in operator.get("/notices").text


@pytest.mark.parametrize("role", PersonRole)
def test_notices_are_for_who_runs_the_service(browser: Browsers, people: People, role: PersonRole) -> None:
    here = browser()
    here.log_in_first("bert", people("bert", role))
    may_see = role in {PersonRole.OPERATE, PersonRole.ADMIN}
    assert here.get("/notices").status_code == (200 if may_see else 403)
    assert ('href="/notices"' in here.get("/password").text) is may_see
    assert browser().get("/notices").headers["location"] == "/login?next=%2Fnotices"
