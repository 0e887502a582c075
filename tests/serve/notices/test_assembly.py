"""The sender of notices is what the settings say."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from fraud.errors import SettingsError
from fraud.settings import load_settings
from serve.notices.assembly import assemble_sender, ways_of
from serve.prediction_log.metrics import LogMetrics
from tests.serve.prediction_log_rows import fetch

URL = "https://hooks.example/t0ken"
MAIL = "smtps://scoring:passw0rd@mail.example/?from=scoring@agency.example&to=anna@agency.example"
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUN_DIR", str(tmp_path))
    monkeypatch.delenv("SERVER_DB_PASSWORD", raising=False)


@pytest.mark.parametrize(
    ("settings", "ways"),
    [
        ({}, []),
        ({"NOTIFY_URL": URL, "NOTIFY_KEY": KEY}, ["webhook"]),
        ({"NOTIFY_MAIL": MAIL}, ["mail"]),
        ({"NOTIFY_URL": URL, "NOTIFY_KEY": KEY, "NOTIFY_MAIL": MAIL}, ["webhook", "mail"]),
    ],
    ids=["nobody", "webhook", "mail", "both"],
)
def test_people_are_told_as_it_is_set(
    settings: dict[str, str], ways: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    loaded = load_settings()
    assert [way.name for way in ways_of(loaded)] == ways
    assert not [secret for secret in ("t0ken", "passw0rd", KEY) if secret in repr(loaded)]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"NOTIFY_URL": URL}, "NOTIFY_KEY is not set"),
        ({"NOTIFY_URL": URL, "NOTIFY_KEY": "s3cret"}, "NOTIFY_KEY: expected 32 characters"),
        ({"NOTIFY_URL": "ftp://hooks.example/s3cret", "NOTIFY_KEY": KEY}, "NOTIFY_URL: "),
        ({"NOTIFY_MAIL": "smtp://scoring:s3cret@mail.example/?from=a@b&to=c@d"}, "NOTIFY_MAIL: "),
        ({"PUBLIC_URL": "scoring.example"}, "PUBLIC_URL="),
    ],
)
def test_an_impossible_address_is_refused_without_its_secret(
    settings: dict[str, str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refusal:
        ways_of(load_settings())
    assert told in str(refusal.value)
    assert "s3cret" not in str(refusal.value)


def test_a_full_spool_of_this_server_is_an_alert(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("SPOOL_MAX_BYTES", "1000")
    metrics = LogMetrics()
    metrics.spool_bytes.set(501)
    assemble_sender(load_settings(), metrics).watch()
    assert fetch(database, "SELECT about, place, state FROM notices") == [
        ("spool", f"{socket.gethostname()}:8000", "alert")
    ]
