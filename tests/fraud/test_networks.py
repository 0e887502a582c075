"""Networks as `TRUSTED_PROXIES` lists them."""

from __future__ import annotations

import pytest

from fraud.errors import SettingsError
from fraud.networks import parse_networks
from fraud.settings import load_settings


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("", []),
        (" , ", []),
        ("10.0.0.7", ["10.0.0.7/32"]),
        ("10.0.0.0/8, 2001:db8::/32,::1", ["10.0.0.0/8", "2001:db8::/32", "::1/128"]),
    ],
)
def test_addresses_and_networks_are_read(text: str, networks: list[str]) -> None:
    assert [str(network) for network in parse_networks(text)] == networks


@pytest.mark.parametrize("entry", ["*", "proxy", "10.0.0.256", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.1:80", "[::1]"])
def test_an_entry_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, entry: str) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", f"10.0.0.7, {entry}")
    with pytest.raises(SettingsError, match=r"^TRUSTED_PROXIES=.*entry 2: expected an address or a network"):
        load_settings()


def test_nobody_is_trusted_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRUSTED_PROXIES", raising=False)
    assert load_settings().trusted_proxies == ()
    monkeypatch.setenv("TRUSTED_PROXIES", "")
    assert load_settings().trusted_proxies == ()
