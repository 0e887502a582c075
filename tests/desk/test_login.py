"""People log in, choose a password, and log out; nobody else gets in by what they leave behind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import httpx
import pytest
from psycopg2 import sql
from psycopg2.extensions import make_dsn

from desk.app import create_app
from desk.login import Logins
from desk.visits import TOKEN
from fraud.database import connect
from serve.access.failed_logins import OF_ONE, FailedLogins, Patience
from serve.journal.event import faults_of
from serve.journal.table import PERSON_EVENTS
from serve.people import administration
from serve.people.account import PersonRole
from serve.people.sessions import IDLE, LONGEST
from tests.desk.browser import OWN_PASSWORD, Browser
from tests.serve.prediction_log_rows import execute, fetch

Browsers = Callable[..., Browser]
People = Callable[..., str]
OPERATE = PersonRole.OPERATE


@pytest.fixture
def anna(browser: Browsers, people: People) -> Browser:
    """Somebody who has logged in, at a browser."""
    password = people("anna", OPERATE)
    found = browser()
    found.log_in_first("anna", password)
    return found


def test_the_anonymous_see_one_line_and_a_login(browser: Browsers) -> None:
    page = browser().get("/")
    assert page.status_code == 200
    assert 'href="/login"' in page.text
    assert "divorce-model" not in page.text


def test_a_password_for_one_login_leads_to_ones_own(browser: Browsers, people: People) -> None:
    password = people("anna", OPERATE)
    here = browser()
    assert here.log_in("anna", password).headers["location"] == "/password"
    assert here.get("/").headers["location"] == "/password", "nothing else is shown before"
    assert here.send("/password", current=password, new=OWN_PASSWORD, again=OWN_PASSWORD).status_code == 303
    assert "State of the service" in here.get("/").text
    assert browser().log_in("anna", password).status_code == 401
    assert browser().log_in("anna", OWN_PASSWORD).headers["location"] == "/"


@pytest.mark.parametrize(
    ("name", "password"),
    [("anna", "wrong"), ("anna", ""), ("nobody", OWN_PASSWORD), ("", ""), ("ANNA", OWN_PASSWORD), ("anna'--", "x")],
)
def test_a_wrong_login_says_the_same_of_all(anna: Browser, browser: Browsers, name: str, password: str) -> None:
    answer = browser().log_in(name, password)
    assert answer.status_code == 401
    assert "The name or the password is wrong." in answer.text
    assert "set-cookie" not in answer.headers


def test_a_disabled_account_is_out_at_once(anna: Browser, browser: Browsers, database: str) -> None:
    with connect(database) as connection:
        administration.set_disabled(connection, "shell:tests", "anna", is_disabled=True)
    assert "Log in" in anna.get("/").text
    assert browser().log_in("anna", OWN_PASSWORD).status_code == 401


def test_logging_out_ends_the_session_and_not_only_the_cookie(anna: Browser) -> None:
    kept = anna.client.cookies["session"]
    assert anna.send("/").status_code == 405
    assert anna.client.post("/logout", data={TOKEN: token_in(anna.get("/"))}).headers["location"] == "/"
    anna.client.cookies.set("session", kept, domain="service.test")
    assert "State of the service" not in anna.get("/").text


def token_in(page: httpx.Response) -> str:
    return page.text.partition(f'name="{TOKEN}" value="')[2].partition('"')[0]


def test_a_login_makes_a_new_session(anna: Browser, database: str) -> None:
    """What was planted in the browser before is worth nothing afterwards."""
    planted = anna.client.cookies["session"]
    assert anna.log_in("anna", OWN_PASSWORD).status_code == 303
    assert anna.client.cookies["session"] != planted
    assert fetch(database, "SELECT count(*) FROM people_sessions") == [(1,)]


def test_a_changed_password_ends_all_other_logins(anna: Browser, browser: Browsers) -> None:
    other = browser()
    other.log_in("anna", OWN_PASSWORD)
    new = OWN_PASSWORD + " again"
    assert anna.send("/password", current=OWN_PASSWORD, new=new, again=new).status_code == 303
    assert "State of the service" in anna.get("/").text
    assert "State of the service" not in other.get("/").text


@pytest.mark.parametrize(
    ("current", "new", "again", "told"),
    [
        ("wrong", "x" * 6 + "yz" * 6, None, "current password is wrong"),
        (OWN_PASSWORD, "short", None, "12 to 256 characters"),
        (OWN_PASSWORD, "anna and other words", None, "without the account&#39;s name"),
        (OWN_PASSWORD, "some other words", "some other word", "passwords differ"),
    ],
)
def test_a_password_that_can_not_be_is_refused(
    anna: Browser, current: str, new: str, again: str | None, told: str
) -> None:
    answer = anna.send("/password", current=current, new=new, again=new if again is None else again)
    assert answer.status_code in {400, 401}
    assert told in answer.text


@pytest.mark.parametrize(("column", "most"), [("seen_at", IDLE), ("began_at", LONGEST)])
def test_a_session_ends_by_time(anna: Browser, database: str, column: str, most: dt.timedelta) -> None:
    age = sql.SQL("UPDATE people_sessions SET {} = now() - make_interval(secs => %s)").format(sql.Identifier(column))
    execute(database, age, most.total_seconds() - 20)
    assert "State of the service" in anna.get("/").text
    execute(database, age, most.total_seconds() + 1)
    assert "State of the service" not in anna.get("/").text


def test_use_keeps_a_session_alive(anna: Browser, database: str) -> None:
    execute(database, "UPDATE people_sessions SET seen_at = now() - interval '10 minutes'")
    anna.get("/")
    assert fetch(database, "SELECT now() - seen_at < interval '1 minute' FROM people_sessions") == [(True,)]


def test_cookies_are_out_of_reach_of_scripts_and_sites(browser: Browsers, people: People) -> None:
    password = people("anna", OPERATE)
    plain = browser().log_in("anna", password).headers["set-cookie"]
    assert plain.startswith("session=")
    assert "HttpOnly" in plain
    assert "SameSite=lax" in plain
    encrypted = browser(encrypted=True).log_in("anna", password).headers["set-cookie"]
    assert encrypted.startswith("__Host-session=")
    assert "Secure" in encrypted
    assert "Path=/" in encrypted
    assert "Domain" not in encrypted


@pytest.mark.parametrize(
    ("next_page", "leads_to"),
    [
        ("/password", "/password"),
        ("/?x=1", "/?x=1"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
    ],
)
def test_a_login_leads_to_pages_of_ours_only(anna: Browser, browser: Browsers, next_page: str, leads_to: str) -> None:
    answer = browser().send("/login", name="anna", password=OWN_PASSWORD, next=next_page)
    assert answer.headers["location"] == leads_to


def test_a_page_for_people_leads_through_the_login_and_back(browser: Browsers) -> None:
    assert browser().get("/password").headers["location"] == "/login?next=%2Fpassword"


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({}, {}),
        ({TOKEN: "0" * 64}, {}),
        (None, {"Sec-Fetch-Site": "cross-site"}),
        (None, {"Origin": "https://evil.example"}),
    ],
    ids=["no token", "another token", "another site", "another origin"],
)
def test_a_form_of_another_site_does_nothing(
    anna: Browser, fields: dict[str, str] | None, headers: dict[str, str]
) -> None:
    sent = {TOKEN: token_in(anna.get("/"))} if fields is None else fields
    assert anna.client.post("/logout", data=sent, headers=headers).status_code == 403
    assert "State of the service" in anna.get("/").text


def test_another_site_can_not_log_anybody_in(anna: Browser, browser: Browsers) -> None:
    fields = {"name": "anna", "password": OWN_PASSWORD}
    answer = browser().client.post("/login", data=fields, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_guesses_from_elsewhere_keep_nobody_out(anna: Browser, browser: Browsers) -> None:
    elsewhere = browser(address="198.51.100.7")
    for _ in range(OF_ONE.guesses + 1):
        assert elsewhere.log_in("anna", "a guess").status_code == 401
    refused = elsewhere.log_in("anna", OWN_PASSWORD)
    assert refused.status_code == 429, "the right password is not looked at either"
    assert "try again in" in refused.text
    assert browser().log_in("anna", OWN_PASSWORD).status_code == 303


def test_guesses_from_one_network_are_counted_together(anna: Browser, database: str) -> None:
    """Whoever has one IPv6 address has as many as they like."""
    failed = FailedLogins(Patience(guesses=2, forgiven_after_s=10.0), clock=lambda: 0.0)
    app = create_app(make_dsn(database, options="-c role=scoring_desk"), Logins(failed).pages())
    for number in range(3):
        assert Browser(app, address=f"2001:db8::{number + 1}").log_in("anna", "a guess").status_code == 401
    assert Browser(app, address="2001:db8::ffff").log_in("anna", OWN_PASSWORD).status_code == 429
    assert Browser(app, address="2001:db8:0:1::1").log_in("anna", OWN_PASSWORD).status_code == 303


def test_logins_and_logouts_are_journalled(anna: Browser, database: str) -> None:
    anna.client.post("/logout", data={TOKEN: token_in(anna.get("/"))})
    with connect(database) as connection:
        events = list(PERSON_EVENTS.events(connection))
    assert [event.kind for event in events] == ["account_added", "login", "password_changed", "logout"]
    assert {event.person for event in events[1:]} == {"anna"}
    assert events[1].facts == '{"address":"192.0.2.1"}'
    assert list(faults_of(events)) == []


def test_a_form_that_is_too_large_is_refused(browser: Browsers) -> None:
    assert browser().client.post("/login", content=b"name=" + b"x" * 70_000).status_code == 413
