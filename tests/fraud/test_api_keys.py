"""API keys: what is kept of them, and what an entry may look like."""

from __future__ import annotations

import hashlib

import pytest

from fraud.api_keys import ApiKey, Role, bearer, is_client_name, key_settings, new_key, parse_api_keys
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
    entries = tuple(ApiKey.of(new_key(), name, [role]) for name, role in zip("abcd", Role, strict=True))
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
def test_a_malformed_entry_stops_the_start_and_is_not_repeated(monkeypatch: pytest.MonkeyPatch, entry: str) -> None:
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
    assert settings.api_keys == (ApiKey.of(key, "gate", [Role.SCORE]),)
    assert bearer(key) == {"Authorization": f"Bearer {key}"}
    assert key not in repr(settings)


@pytest.mark.parametrize(
    ("name", "can_be"),
    [("agency-1.b_C", True), ("x" * 64, True), *((name, False) for name in ("", "x" * 65, "a b", "a\n", "ä"))],
)
def test_client_has_a_name_that_headers_and_records_can_hold(name: str, can_be: bool) -> None:
    assert is_client_name(name) is can_be
