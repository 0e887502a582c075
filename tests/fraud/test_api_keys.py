"""API keys: what is kept of them, and what an entry may look like."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from fraud.api_keys import ApiKey, Role, bearer, key_settings, new_key, parse_api_keys
from fraud.errors import SettingsError
from fraud.settings import load_settings


def test_a_key_has_256_bits_and_no_two_are_alike() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(key.startswith("mls_") and len(key) == len("mls_") + 43 for key in keys)  # 43 x 6 bits >= 256


def test_an_entry_holds_the_hash_and_not_the_key() -> None:
    key = new_key()
    text = str(ApiKey.of(key, "agency-1", [Role.READ, Role.SCORE]))
    assert text == f"agency-1:score+read:{hashlib.sha256(key.encode()).hexdigest()}"


def test_entries_survive_their_text() -> None:
    entries = tuple(ApiKey.of(new_key(), name, [role]) for name, role in zip("abc", Role, strict=True))
    assert parse_api_keys(",".join(map(str, entries))) == entries
    assert parse_api_keys("\n " + " \n".join(map(str, entries)) + ",") == entries


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(new_key(), id="a plain key"),
        pytest.param("a:score", id="no hash"),
        pytest.param("a:score:" + "0" * 63, id="a short hash"),
        pytest.param("a:score:" + "A" * 64, id="a hash in capitals"),
        pytest.param("a:admin:" + "0" * 64, id="an unknown role"),
        pytest.param("a::" + "0" * 64, id="no role"),
        pytest.param("a b:score:" + "0" * 64, id="a space in the name"),
        pytest.param("x" * 65 + ":score:" + "0" * 64, id="a long name"),
    ],
)
def test_what_is_no_entry_stops_the_start_and_is_not_repeated(monkeypatch: pytest.MonkeyPatch, entry: str) -> None:
    monkeypatch.setenv("API_KEYS", entry)
    with pytest.raises(SettingsError, match=r"^API_KEYS: .*entry 1: expected CLIENT:ROLES:SHA256") as caught:
        load_settings()
    assert entry not in str(caught.value)


def test_a_servers_settings_and_its_clients_header_belong_together(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = key_settings("gate", Role.SCORE)
    for name, value in pair.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    key = settings.client_key()
    assert key is not None
    assert settings.server_keys() == (ApiKey.of(key, "gate", [Role.SCORE]),)
    assert bearer(key) == {"Authorization": f"Bearer {key}"}
    assert key not in repr(settings)


def test_a_server_without_keys_does_not_start_unless_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUN_DIR", str(tmp_path))  # that of the project has keys, once `make run` was there
    monkeypatch.setenv("API_KEYS", "")
    with pytest.raises(SettingsError, match="API_KEYS is not set"):
        load_settings().server_keys()
    monkeypatch.setenv("AUTHENTICATION", "off")
    assert load_settings().server_keys() == ()
