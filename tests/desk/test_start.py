"""What the settings say of the provider is settled before a page is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from desk.__main__ import provider_of
from desk.oidc.provider import Client, Provider
from fraud.errors import SettingsError
from fraud.settings import load_settings

ISSUER = {"OIDC_ISSUER": "https://idp.example/realms/agency"}
CLIENT = {"OIDC_CLIENT_ID": "scoring"}


def provider_with(monkeypatch: pytest.MonkeyPatch, folder: Path, **given: str) -> Provider | None:
    monkeypatch.chdir(folder)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return provider_of(load_settings())


def test_without_settings_there_is_no_provider(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert provider_with(monkeypatch, tmp_path) is None


@pytest.mark.parametrize("given", [ISSUER, CLIENT])
def test_half_a_provider_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="OIDC_ISSUER and OIDC_CLIENT_ID: expected both, or neither"):
        provider_with(monkeypatch, tmp_path, **given)


def test_a_provider_is_named_by_its_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = {**ISSUER, **CLIENT, "OIDC_CLIENT_SECRET": "s", "OIDC_ROLES": '{"board": "supervise"}'}
    provider = provider_with(monkeypatch, tmp_path, **given)
    assert provider is not None
    assert provider.name == "idp.example"
    client = Client(
        "https://idp.example/realms/agency", "scoring", "s", "openid profile", "roles", {"board": "supervise"}
    )
    assert provider.client == client
