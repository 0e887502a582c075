"""Secrets go to addresses that nobody reads along."""

from __future__ import annotations

import pytest

from fraud.confidential_address import is_confidential


@pytest.mark.parametrize(
    "url", ["https://idp.example", "https://idp:8443/a?b", "http://localhost:1", "http://127.0.0.1/", "http://[::1]:9/"]
)
def test_https_and_this_machine_are(url: str) -> None:
    assert is_confidential(url)


@pytest.mark.parametrize(
    "url",
    [
        *("http://idp.example", "http://localhost.evil.example", "http://127.0.0.1.evil.example", "http://10.0.0.1"),
        *("https://", "https:///x", "idp.example", "ftp://localhost", "javascript:alert(1)", "file:///x", ""),
        *("https://user:secret@idp.example", "https://idp.example:port", "https://[idp", "https://idp .example"),
        "https://idp.example/\r\nX: y",
    ],
)
def test_all_else_is_not(url: str) -> None:
    assert not is_confidential(url)
