"""`python -m serve.people`: accounts, and what is written down about each act."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg2
import pytest
from typer.testing import CliRunner, Result

from fraud.database import connect
from serve.journal.event import faults_of
from serve.journal.table import PERSON_EVENTS
from serve.people.__main__ import app
from serve.people.accounts_table import find_account
from serve.people.passwords import is_password
from tests.serve.prediction_log_rows import execute, fetch


@pytest.fixture
def people(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database that the settings name."""
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("RUN_DIR", str(tmp_path))
    return database


def run(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == status, result.output
    return result


def added(*arguments: str) -> str:
    return password_in(run("add", *arguments))


def password_in(result: Result) -> str:
    return result.output.strip().splitlines()[-1]


def test_an_added_person_has_a_password_for_one_login(people: str) -> None:
    password = added("anna", "--role", "review", "--role", "audit")
    with connect(people) as connection:
        account = find_account(connection, "anna")
    assert account is not None
    assert account.must_change
    assert is_password(password, account.password)
    assert run("list").output == "anna: audit, review, has yet to log in\n"


def test_a_reset_replaces_the_password_and_ends_logins(people: str) -> None:
    before = added("anna", "--role", "review")
    execute(people, "INSERT INTO people_sessions (digest, person) VALUES (decode(repeat('ab', 32), 'hex'), 'anna')")
    after = password_in(run("reset", "anna"))
    with connect(people) as connection:
        account = find_account(connection, "anna")
    assert account is not None
    assert not is_password(before, account.password)
    assert is_password(after, account.password)
    assert fetch(people, "SELECT count(*) FROM people_sessions") == [(0,)]


def test_a_disabled_account_stays_and_can_be_enabled_again(people: str) -> None:
    added("anna", "--role", "review")
    run("disable", "anna")
    assert run("list").output == "anna: review, disabled\n"
    run("enable", "anna")
    assert run("list").output == "anna: review, has yet to log in\n"


def test_roles_are_replaced(people: str) -> None:
    added("anna", "--role", "review")
    run("roles", "anna", "--role", "admin", "--role", "operate")
    assert run("list").output == "anna: operate, admin, has yet to log in\n"


def test_each_act_is_in_the_journal_and_no_password(people: str) -> None:
    passwords = [added("anna", "--role", "review"), password_in(run("reset", "anna"))]
    run("roles", "anna", "--role", "operate")
    run("disable", "anna")
    run("enable", "anna")
    with connect(people) as connection:
        events = list(PERSON_EVENTS.events(connection))
    assert [event.kind for event in events] == [
        "account_added",
        "password_reset",
        "roles_changed",
        "account_disabled",
        "account_enabled",
    ]
    assert all(re.fullmatch("shell:.+", event.person) for event in events)
    assert events[2].facts == '{"account":"anna","roles":["operate"]}'
    assert list(faults_of(events)) == []
    written = str(events) + str(fetch(people, "SELECT people::text FROM people"))
    assert not any(password in written for password in passwords)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["add", "anna", "--role", "review"], "account anna exists already"),
        (["add", "Bert", "--role", "review"], "lower-case letters"),
        (["add", "", "--role", "review"], "lower-case letters"),
        (["add", "b" * 65, "--role", "review"], "1 to 64"),
        (["reset", "bert"], "no account bert"),
        (["disable", "bert"], "no account bert"),
        (["roles", "bert", "--role", "review"], "no account bert"),
        (["reset", "carl"], "OpenID provider"),
    ],
)
def test_a_refused_command_is_one_line_and_changes_nothing(people: str, arguments: list[str], told: str) -> None:
    added("anna", "--role", "review")
    execute(people, "INSERT INTO people (name, roles, issuer, subject) VALUES ('carl', '{audit}', 'https://idp', '7')")
    before = fetch(people, "SELECT people::text FROM people ORDER BY name")
    result = run(*arguments, status=2)
    assert told in result.stderr
    assert result.stderr.count("\n") == 1
    assert fetch(people, "SELECT people::text FROM people ORDER BY name") == before
    assert fetch(people, "SELECT count(*) FROM person_events") == [(1,)]


@pytest.mark.parametrize(
    "columns",
    [
        "(name, roles, password) VALUES ('bert', '{review}', 'plain text')",
        "(name, roles, password) VALUES ('bert', '{king}', '$argon2id$x')",
        "(name, roles) VALUES ('bert', '{review}')",
        "(name, roles, issuer) VALUES ('bert', '{review}', 'https://idp')",
        "(name, roles, password, issuer, subject) VALUES ('bert', '{review}', '$argon2id$x', 'https://idp', '7')",
        "(name, roles, password) VALUES ('Bert B', '{review}', '$argon2id$x')",
    ],
    ids=["a plain password", "a role", "no way to log in", "half a provider", "two ways to log in", "a name"],
)
def test_the_database_refuses_accounts_that_can_not_be(people: str, columns: str) -> None:
    with pytest.raises(psycopg2.errors.CheckViolation):
        execute(people, f"INSERT INTO people {columns}")
