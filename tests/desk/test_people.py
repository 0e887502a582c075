"""Administrators see accounts and change them; nobody else does, and they can't lock themselves out."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

import pytest

from fraud.database import connect
from serve.journal.event import faults_of
from serve.journal.table import PERSON_EVENTS
from serve.people import administration
from serve.people.account import PersonRole
from serve.people.errors import PeopleError
from tests.desk.browser import OWN_PASSWORD, Browser
from tests.serve.prediction_log_rows import execute, fetch

Browsers = Callable[..., Browser]
People = Callable[..., str]
ADMIN, OPERATE, AUDIT = PersonRole.ADMIN, PersonRole.OPERATE, PersonRole.AUDIT
VOUCHED = "INSERT INTO people (name, roles, issuer, subject) VALUES ('carl@idp', %s, 'https://idp', '<i>7')"


@pytest.fixture
def admin(browser: Browsers, people: People) -> Browser:
    here = browser()
    here.log_in_first("root", people("root", ADMIN))
    return here


def shown_once(page: str) -> str:
    return page.partition('<code class="once">')[2].partition("</code>")[0]


def hidden_in(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))


def row_of(page: str, name: str) -> str:
    found = re.search(rf'<th scope="row">{re.escape(name)}</th>(.*?)</tr>', page, re.DOTALL)
    assert found is not None, page
    return " ".join(re.sub(r"<details>.*|<[^>]+>", " ", found.group(1), flags=re.DOTALL).split())


@pytest.mark.parametrize("role", [role for role in PersonRole if role is not ADMIN])
def test_the_page_is_for_administrators(browser: Browsers, people: People, role: PersonRole, database: str) -> None:
    assert browser().get("/people").headers["location"] == "/login?next=%2Fpeople"
    here = browser()
    here.log_in_first("anna", people("anna", role))
    assert here.get("/people").status_code == 403
    assert '"/people"' not in here.get("/").text
    fields = {**hidden_in(here.get("/password").text), "act": "add", "name": "eve", "role_admin": "on"}
    assert here.client.post("/people", data=fields).status_code == 403
    assert fetch(database, "SELECT name FROM people") == [("anna",)]


def test_the_page_lists_roles_logins_and_their_source(admin: Browser, people: People, database: str) -> None:
    people("anna", OPERATE, AUDIT)
    execute(database, VOUCHED, ["audit"])
    page = admin.get("/people").text
    assert row_of(page, "anna") == "operate, audit with a password here never has yet to choose a password"
    assert row_of(page, "carl@idp") == "audit at https://idp, as &lt;i&gt;7 never may log in"
    assert re.fullmatch(r"admin with a password here 20\d\d-\d\d-\d\d \d\d:\d\d UTC may log in", row_of(page, "root"))
    assert '<a href="/people">People</a>' in page


def test_a_person_is_added_with_a_password_for_one_login(admin: Browser, browser: Browsers) -> None:
    page = admin.send("/people", act="add", name="bert", role_operate="on", role_review="on").text
    assert row_of(page, "bert").startswith("operate, review with a password here never")
    assert shown_once(page) not in admin.get("/people").text
    browser().log_in_first("bert", shown_once(page))


def test_a_reset_ends_logins_and_shows_a_password(admin: Browser, browser: Browsers, people: People) -> None:
    there = browser()
    there.log_in_first("anna", people("anna", OPERATE))
    password = shown_once(admin.send("/people", act="reset", name="anna").text)
    assert "State of the service" not in there.get("/").text
    assert browser().log_in("anna", OWN_PASSWORD).status_code == 401
    browser().log_in_first("anna", password)


def test_roles_are_replaced_and_count_from_the_next_login(admin: Browser, browser: Browsers, people: People) -> None:
    there = browser()
    there.log_in_first("anna", people("anna", OPERATE))
    assert admin.send("/people", act="roles", name="anna", role_audit="on", role_admin="on").status_code == 303
    assert there.get("/people").headers["location"] == "/login?next=%2Fpeople"
    there.log_in("anna", OWN_PASSWORD)
    assert row_of(there.get("/people").text, "anna").startswith("audit, admin ")


def test_an_account_is_disabled_and_enabled_again(admin: Browser, browser: Browsers, people: People) -> None:
    there = browser()
    there.log_in_first("anna", people("anna", OPERATE))
    assert admin.send("/people", act="disable", name="anna").status_code == 303
    assert "State of the service" not in there.get("/").text
    assert browser().log_in("anna", OWN_PASSWORD).status_code == 401
    assert row_of(admin.get("/people").text, "anna").endswith("disabled")
    assert admin.send("/people", act="enable", name="anna").status_code == 303
    assert browser().log_in("anna", OWN_PASSWORD).status_code == 303


def test_each_act_is_in_the_journal_with_who_did_it(admin: Browser, database: str) -> None:
    passwords = [
        shown_once(admin.send("/people", act="add", name="bert", role_operate="on").text),
        shown_once(admin.send("/people", act="reset", name="bert").text),
    ]
    for act in ("roles", "disable", "enable"):
        admin.send("/people", act=act, name="bert", role_audit="on")
    with connect(database) as connection:
        events = list(PERSON_EVENTS.events(connection))
    assert [(event.person, event.kind) for event in events[3:]] == [
        ("root", "account_added"),
        ("root", "password_reset"),
        ("root", "roles_changed"),
        ("root", "account_disabled"),
        ("root", "account_enabled"),
    ]
    assert events[5].facts == '{"account":"bert","roles":["audit"]}'
    assert list(faults_of(events)) == []
    assert not any(password in str(events) for password in passwords)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"act": "add", "name": "root", "role_audit": "on"}, "account root exists already"),
        ({"act": "add", "name": "bert"}, "expected at least one role"),
        ({"act": "add", "name": "<script>", "role_audit": "on"}, "expected a name of 1 to 64"),
        ({"act": "add", "name": "bert", "role_king": "on"}, "expected at least one role"),
        ({"act": "reset", "name": "nobody"}, "there is no account nobody"),
        ({"act": "reset", "name": "carl@idp"}, "have the password reset there"),
        ({"act": "roles", "name": "carl@idp", "role_admin": "on"}, "change them there"),
        ({"act": "roles", "name": "root", "role_audit": "on"}, "root is the last administrator of accounts"),
        ({"act": "disable", "name": "root"}, "root is the last administrator of accounts"),
        ({"act": "destroy", "name": "root"}, "This form asks for an unknown action"),
        ({}, "This form asks for an unknown action"),
    ],
)
def test_a_refused_change_is_explained_and_changes_nothing(
    admin: Browser, database: str, fields: dict[str, str], told: str
) -> None:
    execute(database, VOUCHED, ["audit"])
    before = fetch(database, "SELECT people::text FROM people ORDER BY name")
    answer = admin.send("/people", **fields)
    assert answer.status_code == 400
    assert told in answer.text
    assert "<script" not in answer.text
    assert fetch(database, "SELECT people::text FROM people ORDER BY name") == before
    assert admin.get("/people").status_code == 200, "nobody is logged out"


def test_an_administrator_goes_where_another_one_is_left(admin: Browser, people: People) -> None:
    people("anna", ADMIN)
    assert admin.send("/people", act="disable", name="root").status_code == 303
    assert admin.get("/people").headers["location"] == "/login?next=%2Fpeople"


def test_one_who_is_disabled_is_no_administrator_that_is_left(admin: Browser, people: People) -> None:
    people("anna", ADMIN)
    admin.send("/people", act="disable", name="anna")
    assert admin.send("/people", act="disable", name="root").status_code == 400


def test_two_administrators_can_not_disable_each_other_at_once(people: People, database: str) -> None:
    people("anna", ADMIN)
    people("bert", ADMIN)
    refused = []

    def disable(name: str, barrier: threading.Barrier) -> None:
        with connect(database) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            barrier.wait(30)
            try:
                administration.keep_an_administrator(connection, name)
                administration.set_disabled(connection, "tests", name, is_disabled=True)
            except PeopleError as error:
                refused.append(str(error))

    barrier = threading.Barrier(2)
    threads = [threading.Thread(target=disable, args=(name, barrier)) for name in ("anna", "bert")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert fetch(database, "SELECT count(*) FROM people WHERE NOT is_disabled") == [(1,)]


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
def test_a_form_of_another_site_does_nothing(admin: Browser, database: str, headers: dict[str, str]) -> None:
    fields = {"act": "add", "name": "eve", "role_admin": "on"}
    hidden = hidden_in(admin.get("/people").text)
    assert admin.client.post("/people", data={**hidden, **fields}, headers=headers).status_code == 403
    assert admin.client.post("/people", data=fields).status_code == 403, "a form without the session's token"
    assert fetch(database, "SELECT name FROM people") == [("root",)]
