"""`python -m serve.keys`: keys are made, listed, revoked and rotated, and each act is written down."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import psycopg2
import pytest
from typer.testing import CliRunner, Result

from fraud.api_keys import ApiKey, Role, new_key, sha256_of
from fraud.database import connect
from serve.journal.event import faults_of
from serve.journal.table import PERSON_EVENTS
from serve.keys.__main__ import app
from serve.keys.table import read_valid_keys
from tests.serve.prediction_log_rows import execute, fetch


@pytest.fixture
def known(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database that the settings name."""
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("RUN_DIR", str(tmp_path))
    monkeypatch.setenv("API_KEYS", "")
    return database


def run(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == status, result.output
    return result


def made(*arguments: str) -> str:
    """The key that a command prints."""
    key = run(*arguments).stdout.strip().splitlines()[-1]
    assert key.startswith("mls_")
    return key


def valid(dsn: str) -> set[ApiKey]:
    with connect(dsn) as connection:
        return {key.api_key for key in read_valid_keys(connection)}


def test_added_key_counts_with_its_roles(known: str) -> None:
    key = made("add", "agency", "--role", "read", "--role", "score")
    other = made("add", "agency")
    assert valid(known) == {
        ApiKey.of(key, "agency", [Role.SCORE, Role.READ]),
        ApiKey.of(other, "agency", [Role.SCORE]),
    }
    assert run("list").stdout == (
        "agency, key 1: score, read; valid; never used\nagency, key 2: score; valid; never used\n"
    )


def test_key_of_some_days_ends(known: str) -> None:
    made("add", "agency", "--days", "2")
    ((left,),) = fetch(known, "SELECT expires_at - now() FROM api_keys")
    assert dt.timedelta(days=1.9) < left <= dt.timedelta(days=2)
    assert re.search(r"; ends at 20\d\d-\d\d-\d\d \d\d:\d\d UTC;", run("list").stdout)
    execute(known, "UPDATE api_keys SET expires_at = now()")
    assert valid(known) == set()
    assert "; ended at " in run("list").stdout


def test_revoked_key_counts_no_more(known: str) -> None:
    made("add", "agency")
    key = made("add", "bank")
    run("revoke", "1")
    assert valid(known) == {ApiKey.of(key, "bank", [Role.SCORE])}
    assert "agency, key 1: score; revoked by shell:" in run("list").stdout


def test_rotated_key_counts_for_its_grace_time(known: str) -> None:
    old = made("add", "agency", "--role", "operate")
    new = made("rotate", "1", "--grace-hours", "12")
    assert valid(known) == {ApiKey.of(key, "agency", [Role.OPERATE]) for key in (old, new)}
    assert "key 1: operate; replaced by key 2, ends at " in run("list").stdout
    ((left,),) = fetch(known, "SELECT expires_at - now() FROM api_keys WHERE number = 1")
    assert dt.timedelta(hours=11.9) < left <= dt.timedelta(hours=12)
    newest = made("rotate", "2", "--grace-hours", "0")
    assert valid(known) == {ApiKey.of(key, "agency", [Role.OPERATE]) for key in (old, newest)}


def test_rotated_key_ends_no_later_than_it_was_to(known: str) -> None:
    made("add", "agency", "--days", "1")
    made("rotate", "1", "--grace-hours", "1000")
    ((old, new),) = fetch(
        known, "SELECT min(expires_at - made_at), max(expires_at - now()) FROM api_keys HAVING count(*) = 2"
    )
    assert max(old, new) <= dt.timedelta(days=1, seconds=1)


def test_keys_of_the_settings_are_listed_too(known: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEYS", str(ApiKey.of(new_key(), "local", [Role.READ, Role.SCORE])))
    assert run("list").stdout == "local: score, read; from the settings (API_KEYS)\n"


def test_each_act_is_in_the_journal_and_no_key(known: str) -> None:
    keys = [made("add", "agency"), made("rotate", "1", "--grace-hours", "1")]
    run("revoke", "1")
    with connect(known) as connection:
        events = list(PERSON_EVENTS.events(connection))
    assert [event.kind for event in events] == ["key_added", "key_rotated", "key_revoked"]
    assert all(re.fullmatch("shell:.+", event.person) for event in events)
    assert events[1].facts == '{"client":"agency","grace_s":3600.0,"key":1,"new":2,"roles":["score"]}'
    assert list(faults_of(events)) == []
    kept = fetch(known, "SELECT api_keys::text FROM api_keys")
    assert sha256_of(keys[0]).hex() in str(kept)
    assert not any(key in str(events) + str(kept) for key in keys)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["add", "a:b"], "'a:b'"),
        (["add", ""], "1 to 64"),
        (["add", "b" * 65], "1 to 64"),
        (["add", "bank", "--days", "0"], "a time for which the key is valid"),
        (["add", "bank", "--days", "1e9"], "36500 days"),
        (["add", "bank", "--days", "1e300"], "36500 days"),
        (["add", "bank", "--days", "nan"], "expected a number of 0 or more"),
        (["revoke", "9"], "no key 9"),
        (["revoke", "99999999999999999999"], "no key 9"),
        (["revoke", "2"], "key 2 of agency is no longer valid"),
        (["rotate", "2", "--grace-hours", "1"], "is no longer valid"),
        (["rotate", "3", "--grace-hours", "1"], "was replaced by key 4"),
        (["rotate", "1", "--grace-hours", "1e9"], "36500 days"),
    ],
)
def test_a_refused_command_is_one_line_and_changes_nothing(known: str, arguments: list[str], told: str) -> None:
    for _ in range(3):
        made("add", "agency")
    run("revoke", "2")
    made("rotate", "3", "--grace-hours", "1")
    everything = "SELECT api_keys::text FROM api_keys UNION ALL SELECT hash::text FROM person_events ORDER BY 1"
    before = fetch(known, everything)
    result = run(*arguments, status=2)
    assert told in result.stderr
    assert result.stderr.count("\n") == 1
    assert fetch(known, everything) == before


@pytest.mark.parametrize(
    "columns",
    [
        "(client, roles, sha256, made_by) VALUES ('a b', '{score}', sha256('x'), 'us')",
        "(client, roles, sha256, made_by) VALUES ('a', '{}', sha256('x'), 'us')",
        "(client, roles, sha256, made_by) VALUES ('a', '{admin}', sha256('x'), 'us')",
        "(client, roles, sha256, made_by) VALUES ('a', '{score}', 'mls_key', 'us')",
        "(client, roles, sha256, made_by) VALUES ('a', '{score}', sha256('x'), '')",
    ],
    ids=["a name", "no role", "a role", "a plain key", "nobody made it"],
)
def test_the_database_refuses_keys_that_can_not_be(known: str, columns: str) -> None:
    with pytest.raises(psycopg2.errors.CheckViolation):
        execute(known, f"INSERT INTO api_keys {columns}")
