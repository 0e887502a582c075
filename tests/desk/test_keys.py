"""Administrators make, revoke and rotate API keys on pages; nobody else does, and nobody sees a key twice."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

import httpx
import pytest

from fraud.api_keys import ApiKey, Role
from fraud.database import connect
from serve.journal.event import faults_of
from serve.journal.table import PERSON_EVENTS
from serve.keys import administration
from serve.keys.table import read_valid_keys
from serve.people.account import PersonRole
from tests.desk.browser import Browser
from tests.serve.prediction_log_rows import execute, fetch

Browsers = Callable[..., Browser]
People = Callable[..., str]
EVERYTHING = "SELECT api_keys::text FROM api_keys ORDER BY number"


@pytest.fixture
def anna(browser: Browsers, people: People) -> Browser:
    """An administrator, at a browser."""
    found = browser()
    found.log_in_first("anna", people("anna", PersonRole.ADMIN))
    return found


def key_in(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    (key,) = re.findall(r"mls_[A-Za-z0-9_-]{43}", answer.text)
    return str(key)


def valid(dsn: str) -> set[ApiKey]:
    with connect(dsn) as connection:
        return {key.api_key for key in read_valid_keys(connection)}


def test_new_key_is_shown_once_and_kept_nowhere(anna: Browser, database: str) -> None:
    answer = anna.send("/keys", client="agency", role_score="on", role_read="on")
    key = key_in(answer)
    assert answer.headers["cache-control"] == "no-store"
    assert valid(database) == {ApiKey.of(key, "agency", [Role.SCORE, Role.READ])}
    page = anna.get("/keys").text
    assert "agency" in page
    assert "mls_" not in page
    assert key not in str(fetch(database, "SELECT person_events::text FROM person_events"))


def test_list_says_when_keys_were_used_last(anna: Browser, database: str) -> None:
    for client in ("agency", "bank"):
        key_in(anna.send("/keys", client=client, role_score="on"))
    execute(database, "UPDATE api_keys SET last_used_at = '2026-03-01 12:34:56 UTC' WHERE client = 'bank'")
    page = anna.get("/keys").text
    assert re.findall(r'data-label="last used">([^<]*)<', page)[:2] == ["never", "2026-03-01 12:34 UTC"]
    assert "from the server's settings" in page, "those that a page can't change are listed too"


def test_key_of_some_days_ends(anna: Browser, database: str) -> None:
    key_in(anna.send("/keys", client="agency", role_score="on", days="30"))
    ((left,),) = fetch(database, "SELECT expires_at - now() FROM api_keys")
    assert dt.timedelta(days=29.9) < left <= dt.timedelta(days=30)


def test_key_is_revoked_only_after_a_question(anna: Browser, database: str) -> None:
    key = key_in(anna.send("/keys", client="agency", role_score="on"))
    question = anna.get("/keys/1/revoke")
    assert "Revoke key 1 of agency?" in question.text
    assert valid(database) == {ApiKey.of(key, "agency", [Role.SCORE])}
    assert anna.send("/keys/1/revoke").headers["location"] == "/keys"
    assert valid(database) == set()
    assert "revoked by anna" in anna.get("/keys").text
    assert anna.get("/keys/1/revoke").status_code == 404


def test_rotated_key_counts_for_the_hours_that_were_given(anna: Browser, database: str) -> None:
    old = key_in(anna.send("/keys", client="agency", role_operate="on"))
    answer = anna.send("/keys/1/rotate", hours="6")
    new = key_in(answer)
    assert answer.headers["cache-control"] == "no-store"
    assert valid(database) == {ApiKey.of(key, "agency", [Role.OPERATE]) for key in (old, new)}
    ((left,),) = fetch(database, "SELECT expires_at - now() FROM api_keys WHERE number = 1")
    assert dt.timedelta(hours=5.9) < left <= dt.timedelta(hours=6)
    assert "replaced by key 2, ends at" in anna.get("/keys").text


def test_each_act_is_in_the_journal_with_its_person(anna: Browser, database: str) -> None:
    anna.send("/keys", client="agency", role_score="on")
    anna.send("/keys/1/rotate", hours="0")
    anna.send("/keys/2/revoke")
    with connect(database) as connection:
        events = list(PERSON_EVENTS.events(connection))
    acts = [(event.person, event.kind) for event in events if event.kind.startswith("key_")]
    assert acts == [("anna", "key_added"), ("anna", "key_rotated"), ("anna", "key_revoked")]
    assert list(faults_of(events)) == []


@pytest.mark.parametrize(
    ("path", "fields", "told"),
    [
        ("/keys", {"client": "a b", "role_score": "on"}, "expected a name of 1 to 64"),
        ("/keys", {"client": "<b>", "role_score": "on"}, "&lt;b&gt;"),
        ("/keys", {"client": "", "role_score": "on"}, "expected a name of 1 to 64"),
        ("/keys", {"client": "bank"}, "Expected at least one role"),
        ("/keys", {"client": "bank", "role_admin": "on"}, "Expected at least one role"),
        ("/keys", {"client": "bank", "role_score": "on", "days": "0"}, "a time for which"),
        ("/keys", {"client": "bank", "role_score": "on", "days": "-1"}, "a whole number of days"),
        ("/keys", {"client": "bank", "role_score": "on", "days": "99999"}, "0 to 36500 days"),
        ("/keys/1/rotate", {"hours": ""}, "for how many hours"),
        ("/keys/1/rotate", {"hours": "1.5"}, "a whole number of hours"),
    ],
)
def test_a_refused_change_is_explained_and_changes_nothing(
    anna: Browser, database: str, path: str, fields: dict[str, str], told: str
) -> None:
    anna.send("/keys", client="agency", role_score="on")
    before = fetch(database, EVERYTHING)
    answer = anna.send(path, **fields)
    assert answer.status_code == 400
    assert told in answer.text
    assert fetch(database, EVERYTHING) == before


def test_replaced_key_is_not_rotated_again(anna: Browser, database: str) -> None:
    anna.send("/keys", client="agency", role_score="on")
    anna.send("/keys/1/rotate", hours="6")
    answer = anna.send("/keys/1/rotate", hours="6")
    assert answer.status_code == 400
    assert "Key 1 was replaced by key 2" in answer.text
    assert "/keys/1/rotate" not in anna.get("/keys").text


@pytest.mark.parametrize("number", ["7", "0", "99999999999999999999"])
@pytest.mark.parametrize("act", ["revoke", "rotate"])
def test_key_that_is_not_there_has_no_page(anna: Browser, number: str, act: str) -> None:
    assert anna.get(f"/keys/{number}/{act}").status_code == 404


PATHS = ["/keys", "/keys/1/revoke", "/keys/1/rotate"]


@pytest.fixture
def one_key(database: str) -> str:
    with connect(database) as connection:
        administration.add(connection, "shell:tests", "agency", [Role.SCORE])
    return database


@pytest.mark.parametrize("path", PATHS)
def test_others_neither_see_nor_change_keys(browser: Browsers, people: People, one_key: str, path: str) -> None:
    before = fetch(one_key, EVERYTHING)
    bert = browser()
    bert.log_in_first("bert", people("bert", *(role for role in PersonRole if role is not PersonRole.ADMIN)))
    form = {"client": "bank", "role_score": "on", "hours": "1"}
    for answer in (bert.get(path), bert.send(path, **form)):
        assert answer.status_code == 403
        assert "admin" in answer.text
    assert 'href="/keys"' not in bert.get("/").text
    for answer in (browser().get(path), browser().client.post(path, data=form)):
        assert answer.headers["location"].startswith("/login?next=")
    assert fetch(one_key, EVERYTHING) == before


@pytest.mark.parametrize("path", PATHS)
def test_form_of_another_site_does_nothing(anna: Browser, one_key: str, path: str) -> None:
    before = fetch(one_key, EVERYTHING)
    form = {"client": "bank", "role_score": "on", "hours": "1"}
    assert anna.client.post(path, data=form).status_code == 403
    assert anna.client.post(path, data={**form, "form_token": "guess"}).status_code == 403
    assert fetch(one_key, EVERYTHING) == before


def test_administrator_finds_the_page(anna: Browser) -> None:
    assert 'href="/keys"' in anna.get("/").text
