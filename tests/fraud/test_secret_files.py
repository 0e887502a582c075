"""Secrets that are files: read, refused where they can't be, and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from fraud.errors import SettingsError
from fraud.settings import DatabaseRole, Settings, load_settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUN_DIR", str(tmp_path / "run"))
    for name in Settings.model_fields:
        if "SecretStr" in str(Settings.model_fields[name].annotation):
            monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path


def test_a_secret_is_what_its_file_holds(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ADMIN_PASSWORD", "of the administrator"), ("SERVER_DB_PASSWORD", "of the role")):
        (folder / name).write_text(value + "\n")
        monkeypatch.setenv(f"{name}_FILE", str(folder / name))
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/loans")
    settings = load_settings()
    assert settings.administrator_password() == "of the administrator"
    assert "of the role" in settings.dsn(DatabaseRole.SERVER).replace("%20", " ")
    assert "of the" not in repr(settings)


def test_a_file_counts_for_more_than_the_file_of_settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("REVIEW_CONTROL_KEY=generated\n")
    (folder / "key").write_text("x" * 40)
    monkeypatch.setenv("REVIEW_CONTROL_KEY_FILE", str(folder / "key"))
    key = load_settings().review_control_key
    assert key is not None
    assert key.get_secret_value() == "x" * 40


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(None, "ADMIN_PASSWORD_FILE=.* can't be read: No such file", id="no file"),
        pytest.param(b"\n", "ADMIN_PASSWORD_FILE=.*: expected a secret of 1 to", id="empty"),
        pytest.param(b"secret" * 20_000, "ADMIN_PASSWORD_FILE=.*: expected a secret of 1 to", id="too long"),
        pytest.param(b"secret\xff", "ADMIN_PASSWORD_FILE=.*: expected text in UTF-8", id="no text"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, told: str
) -> None:
    path = folder / "password"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("ADMIN_PASSWORD_FILE", str(path))
    with pytest.raises(SettingsError, match=told) as refused:
        load_settings()
    assert "secretsecret" not in str(refused.value)


def test_a_secret_that_is_given_twice_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "password").write_text("one")
    monkeypatch.setenv("ADMIN_PASSWORD_FILE", str(folder / "password"))
    monkeypatch.setenv("ADMIN_PASSWORD", "other")
    with pytest.raises(SettingsError, match=r"^ADMIN_PASSWORD and ADMIN_PASSWORD_FILE are both set: set one of them$"):
        load_settings()
