"""The first page: how the service is, also while parts of it are away."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import NoReturn

import pytest
from psycopg2.extensions import make_dsn

from desk.app import POLICY, create_app
from desk.assets import STYLE_URL
from desk.cockpit.page import Cockpit
from desk.login import Logins
from fraud.errors import RegistryError
from fraud.model_changes import Act, note_change
from fraud.report.stored import Report, ReportKind, store_report
from serve.metrics import LATENCY_BUCKETS_S
from serve.people.account import PersonRole
from tests.desk.browser import OWN_PASSWORD, Browser
from tests.desk.conftest import COUNTERS
from tests.serve.prediction_log_rows import execute
from tests.serve.review_policies import add_policy

Browsers = Callable[..., Browser]
People = Callable[..., str]


def logged_in(browser: Browser, people: People, *roles: PersonRole) -> Browser:
    browser.log_in_first("anna", people("anna", *roles))
    return browser


def plain_text(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


@pytest.mark.parametrize("role", PersonRole)
def test_the_page_is_for_who_runs_or_audits_the_service(browser: Browsers, people: People, role: PersonRole) -> None:
    page = logged_in(browser(), people, role).get("/").text
    assert ("State of the service" in page) is (role is not PersonRole.REVIEW)


def test_the_cockpit_shows_versions_checks_policy_and_record(browser: Browsers, people: People, database: str) -> None:
    at = dt.datetime(2026, 5, 1, 1, 2, tzinfo=dt.UTC)
    number = store_report(database, Report(ReportKind.DRIFT, at, "<b>fail</b>", "page", "{}"))
    add_policy(database)
    page = logged_in(browser(), people, PersonRole.OPERATE).get("/").text
    told = plain_text(page)
    assert "In production 7 pass 2026-04-01 0.3340 Age_Days monthly" in told
    assert "Previous none" in told
    assert f"Drift check &lt;b&gt;fail&lt;/b&gt; 2026-05-01 01:02 UTC Report {number}" in told
    assert "Gate of a candidate none yet never" in told
    assert "Backup: none yet. Run python -m serve.audit backup FOLDER ." in told
    assert "The record does not say since when the version has been in production." in told
    assert "the last hour no data yet" in told
    assert "No schedule has reported" in told
    assert "Retraining because of drift none yet never" in told
    assert "probability of 0.5000 or more, and 20.0% of all others" in told
    assert "written by anna, signed by bert" in told
    assert "requests answered 1,234" in told
    assert "records not in the database yet 3" in told


def test_the_cockpit_shows_start_load_and_next_runs(browser: Browsers, people: People, database: str) -> None:
    note_change(database, "divorce-model", Act.PROMOTION, 7, before=None, person="bert")
    execute(
        database,
        "INSERT INTO service_minutes (seconds, answered, refused, rows, buckets) VALUES (60, 600, 60, 6000, %s);"
        " INSERT INTO schedule_times (task, next_at) VALUES ('drift-monitor', '2026-05-02 01:00Z')",
        [590, 10, *[0] * (len(LATENCY_BUCKETS_S) - 1)],
    )
    here = logged_in(browser(), people, PersonRole.OPERATE)
    told = plain_text(here.get("/").text)
    assert "Version 7 has been in production since" in told
    assert "(promotion by bert)" in told
    assert re.search(r"the last hour (9|10)\.\d\d (9\d|100)\.\d\d at most 0.025 ms at most 0.05 ms 60 ", told)
    assert "9.1% of the requests of the last hour got an error" in told
    assert "Drift check 2026-05-02 01:00 UTC never" in told
    assert "Check drift now Retrain Roll back" in told


def test_a_version_that_came_elsewhere_has_no_since(browser: Browsers, people: People, database: str) -> None:
    note_change(database, "divorce-model", Act.PROMOTION, 6, before=None, person="bert")
    told = plain_text(logged_in(browser(), people, PersonRole.AUDIT).get("/").text)
    assert "The record does not say since when the version has been in production." in told
    assert "Roll back" not in told, "an auditor operates nothing"


def test_a_registry_that_is_away_is_told_and_all_else_shown(database: str, people: People) -> None:
    def away() -> NoReturn:
        raise RegistryError("no connection")

    cockpit = Cockpit("divorce-model", away, lambda: COUNTERS)
    dsn = make_dsn(database, options="-c role=scoring_desk")
    here = logged_in(Browser(create_app(dsn, [cockpit.page(), *Logins().pages()])), people, PersonRole.OPERATE)
    told = plain_text(here.get("/").text)
    assert "The registry does not answer: no connection" in told
    assert "requests answered 1,234" in told


def test_a_database_that_is_away_is_a_page_too() -> None:
    app = create_app("host=127.0.0.1 port=1 dbname=none", [Cockpit("m", None, lambda: COUNTERS).page()])
    answer = Browser(app).get("/")
    assert answer.status_code == 503
    assert "scoring continues without them" in answer.text
    assert "127.0.0.1" not in answer.text


def test_a_changed_policy_is_told_and_not_shown(browser: Browsers, people: People, database: str) -> None:
    add_policy(database)
    execute(
        database,
        "ALTER TABLE review_policies DISABLE TRIGGER ALL; UPDATE review_policies SET threshold = 0.9 WHERE number = 1;"
        " ALTER TABLE review_policies ENABLE TRIGGER ALL",
    )
    told = plain_text(logged_in(browser(), people, PersonRole.OPERATE).get("/").text)
    assert "is not what was signed" in told
    assert "No review policy is in force" in told


def test_every_page_forbids_scripts_of_others_and_is_kept_by_nobody(browser: Browsers, people: People) -> None:
    here = logged_in(browser(), people, PersonRole.OPERATE)
    for path in ("/", "/login", "/password", "/nothing"):
        headers = here.get(path).headers
        assert headers["content-security-policy"] == POLICY
        assert headers["cache-control"] == "no-store"
    assert here.get("/nothing").status_code == 404


def test_the_style_is_kept_for_long_and_fetches_nothing(browser: Browsers) -> None:
    style = browser().get(STYLE_URL)
    assert "immutable" in style.headers["cache-control"]
    assert style.headers["content-type"].startswith("text/css")
    assert "url(" not in style.text
    assert "@import" not in style.text


def test_pages_are_light_and_name_no_other_host(browser: Browsers, people: People) -> None:
    here = logged_in(browser(), people, PersonRole.OPERATE)
    for path in ("/", "/login", "/password"):
        page = here.get(path).text
        assert len(page) + len(here.get(STYLE_URL).text) < 100_000
        assert not re.search(r'(src|href|action)="(https?:)?//', page)
        assert "<script" not in page
        assert "style=" not in page


def test_nothing_that_a_visitor_types_becomes_markup(browser: Browsers) -> None:
    page = browser().send("/login", name='"><script>alert(1)</script>', password=OWN_PASSWORD).text
    assert "<script>" not in page
