"""Settings: one line for a wrong value, no secret in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn

from fraud.__main__ import settings_tables
from fraud.errors import SettingsError
from fraud.run_lock import hold
from fraud.settings import DatabaseRole, Settings, load_settings
from fraud.settings.data import DataLimits
from fraud.settings.renamed import INSTEAD


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("SERVE_PORT", "abc", id="text for a number"),
        pytest.param("SERVE_PORT", "70000", id="out of range"),
        pytest.param("TODAY", "2026-02-30", id="no such day"),
        pytest.param("REFERENCE_SCALE", "0", id="zero"),
        pytest.param("MAX_BATCH_ROWS", "-1", id="negative"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_it(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value).startswith(f"{name}='{value}': ")
    assert "\n" not in str(caught.value)


def test_the_environment_wins_over_the_users_file_and_that_over_the_generated_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".run").mkdir()
    (tmp_path / ".run" / ".env").write_text("SERVE_PORT=1001\nMODEL_NAME=generated\nACTING_PERSON=generated\n")
    (tmp_path / ".env").write_text("SERVE_PORT=1002\nMODEL_NAME=user\n")
    monkeypatch.setenv("SERVE_PORT", "1003")
    settings = load_settings()
    assert (settings.serve_port, settings.model_name, settings.acting_person) == (1003, "user", "generated")


def test_there_are_as_many_threads_as_cores_that_may_be_used() -> None:
    usable = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(usable)})
    try:
        settings = load_settings()
        assert (settings.serve_workers, settings.train_threads, settings.threads_of_each(1)) == (1, 1, 1)
    finally:
        os.sched_setaffinity(0, usable)


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    with pytest.raises(SettingsError, match="no PostgreSQL"):
        load_settings().dsn()


def test_a_role_logs_in_with_its_own_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://owner:own@db:5433/loans?sslmode=require")
    monkeypatch.setenv("SERVER_DB_PASSWORD", "p w'\\")
    parts = parse_dsn(load_settings().dsn(DatabaseRole.SERVER))
    assert parts == {
        "user": "scoring_server",
        "password": "p w'\\",
        "host": "db",
        "port": "5433",
        "dbname": "loans",
        "sslmode": "require",
    }


def test_a_role_without_a_password_of_its_own_uses_the_given_login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://scoring_server@db/loans")
    monkeypatch.setenv("POSTGRES_PASSWORD", "secret")
    parts = parse_dsn(load_settings().dsn(DatabaseRole.SERVER))
    assert (parts["user"], parts["password"]) == ("scoring_server", "secret")


def test_a_password_in_the_address_counts_for_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://owner:own@db/loans")
    monkeypatch.setenv("POSTGRES_PASSWORD", "secret")
    assert parse_dsn(load_settings().dsn())["password"] == "own"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("OIDC_ISSUER", "http://idp.example", "expected the https:// address"),
        ("OIDC_ISSUER", "idp.example", "expected the https:// address"),
        ("OIDC_ISSUER", "https://anna:hunter2@idp.example", "expected the https:// address"),
        ("OIDC_ISSUER", "https://idp.example/?hunter2", "expected the https:// address"),
        ("OIDC_ROLES", '{"team": "king"}', "'operate', 'audit', 'review', 'supervise' or 'admin'"),
    ],
)
def test_a_provider_that_can_not_be_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv("OIDC_CLIENT_SECRET", "hunter2")
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name) as caught:
        load_settings()
    assert told in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_secrets_show_neither_in_print_nor_in_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN_PASSWORD", "hunter2")
    monkeypatch.setenv("DATABASE_URL", "postgresql://owner:hunter2@db/loans")
    assert "hunter2" not in repr(load_settings())
    monkeypatch.setenv("SERVE_PORT", "x")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


KEY = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("given", "content", "expected"),
    [
        pytest.param({}, None, None, id="none"),
        pytest.param({"AUDIT_KEY": KEY}, None, KEY.encode(), id="a variable"),
        pytest.param({"AUDIT_KEY_FILE": "key"}, f"{KEY}\n", KEY.encode(), id="a file"),
    ],
)
def test_key_of_anchors_is_given_in_one_of_two_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], content: str | None, expected: bytes | None
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    if content is not None:
        (tmp_path / "key").write_text(content)
    assert load_settings().anchor_secret() == expected


@pytest.mark.parametrize(
    ("given", "content", "told"),
    [
        pytest.param({"AUDIT_KEY": KEY[:-1]}, None, "AUDIT_KEY: expected 32 characters or more", id="short"),
        pytest.param({"AUDIT_KEY_FILE": "key"}, "\n", "AUDIT_KEY_FILE=key: expected a secret", id="empty file"),
        pytest.param({"AUDIT_KEY_FILE": "key"}, KEY[:-1], "AUDIT_KEY: expected 32 characters", id="short in a file"),
        pytest.param({"AUDIT_KEY_FILE": "key"}, None, "AUDIT_KEY_FILE=key can't be read: No such file", id="no file"),
        pytest.param({"AUDIT_KEY_FILE": "key", "AUDIT_KEY": KEY}, KEY, "are both set", id="both"),
    ],
)
def test_key_of_anchors_that_is_none_is_one_line_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], content: str | None, told: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    if content is not None:
        (tmp_path / "key").write_text(content)
    with pytest.raises(SettingsError, match=told) as caught:
        load_settings().anchor_secret()
    assert KEY[:-1] not in str(caught.value)


@pytest.mark.parametrize("url", ["file:///mnt/else%20where", "http://127.0.0.1:1/x", "https://name:word@host"])
def test_place_of_anchors_is_a_folder_or_an_address(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("ANCHOR_URL", url)
    assert load_settings().anchor_url.get_secret_value() == url  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "url", ["/mnt/folder", "file://host/folder", "file:folder", "ftp://host", "http:///", "hunter2"]
)
def test_place_of_anchors_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("ANCHOR_URL", url)
    with pytest.raises(SettingsError, match=r"^ANCHOR_URL: .*expected file:///folder") as caught:
        load_settings()
    assert url not in str(caught.value).replace("file:///folder", "")


def test_file_in_another_encoding_is_one_line_that_names_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("# Köln\nACTING_PERSON=Jürgen\n".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"^\.env, line 1, is not in UTF-8: save the file in that encoding$"):
        load_settings()


def test_file_that_is_a_folder_is_one_line_that_names_it(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(SettingsError, match=r"^\.env can't be read: Is a directory$"):
        load_settings()


def test_addresses_of_a_stack_count_only_while_it_runs(tmp_path: Path) -> None:
    run_dir = tmp_path / ".run"
    run_dir.mkdir()
    (run_dir / "stack.env").write_text("MLFLOW_TRACKING_URI='http://127.0.0.1:1/mlflow'\n")
    assert load_settings().mlflow_tracking_uri is None, "a stack that was killed has left the file"
    assert hold(run_dir)
    assert load_settings().mlflow_tracking_uri == "http://127.0.0.1:1/mlflow"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),  # noqa: S104 - replaced by what clients write
        ("::1", "http://[::1]:8000"),
        ("::", "http://[::1]:8000"),
        ("loans.example", "http://loans.example:8000"),
    ],
)
def test_address_of_the_server_is_one_that_clients_can_write(
    monkeypatch: pytest.MonkeyPatch, host: str, url: str
) -> None:
    monkeypatch.setenv("SERVE_HOST", host)
    assert load_settings().server_url() == url


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        pytest.param("GATE_VETOES", '{"brier_rise": -1}', "GATE_VETOES.brier_rise=-1: ", id="out of range"),
        pytest.param("GATE_VETOES", '{"brier": 1}', "GATE_VETOES.brier=1: ", id="no such entry"),
        pytest.param(
            "GATE_EFFORT", '{"min_pairs": 30}', "expected min_pairs of at most max_pairs=24", id="contradiction"
        ),
        pytest.param("DATA_LIMITS", "1000", "DATA_LIMITS=1000: ", id="no table"),
        pytest.param("DATA_LIMITS", "{", "DATA_LIMITS: expected JSON", id="no JSON"),
        pytest.param("OIDC_ROLES", "{", "OIDC_ROLES: expected JSON", id="no JSON for an object"),
    ],
)
def test_a_wrong_entry_of_a_table_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_table_keeps_the_default_of_what_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_LIMITS", '{"min_rows": 7}')
    assert load_settings().data_limits == DataLimits(min_rows=7)


@pytest.mark.parametrize("former", sorted(INSTEAD))
def test_a_former_name_is_refused_with_what_took_its_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, former: str
) -> None:
    (tmp_path / ".env").write_text(f"{former}=1\n")
    with pytest.raises(SettingsError, match=rf"^{former} of \.env is no setting any more: ") as caught:
        load_settings()
    assert INSTEAD[former] in str(caught.value)
    (tmp_path / ".env").write_text(f"{former}=\n")
    monkeypatch.setenv(former, "")
    load_settings()
    assert former.lower() not in Settings.model_fields


def test_every_setting_belongs_to_one_part() -> None:
    names = [name for rows in settings_tables().values() for name, _, _ in rows]
    assert sorted(names) == sorted(name.upper() for name in Settings.model_fields)
