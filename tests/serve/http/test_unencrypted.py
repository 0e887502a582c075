"""A server that others can reach without encryption says so."""

from __future__ import annotations

import pytest

from serve.http.tls import warn_if_readable


@pytest.mark.parametrize(
    ("host", "encrypted", "warns"),
    [
        ("127.0.0.1", False, False),
        ("127.8.8.8", False, False),
        ("::1", False, False),
        ("localhost", False, False),
        ("0.0.0.0", False, True),  # noqa: S104 - not listened on
        ("::", False, True),
        ("10.1.2.3", False, True),
        ("scoring.example", False, True),
        ("0.0.0.0", True, False),  # noqa: S104 - not listened on
    ],
)
def test_an_unencrypted_public_address_is_warned_of(
    caplog: pytest.LogCaptureFixture, host: str, encrypted: bool, warns: bool
) -> None:
    warn_if_readable(host, encrypted=encrypted)
    assert ("can be read on the network" in caplog.text) == warns
