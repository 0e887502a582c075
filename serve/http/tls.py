"""HTTPS: check of the certificate before a worker starts, warning if it is missing, and time limit of handshakes."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import ssl
from pathlib import Path
from typing import Any, Final

import uvloop

from fraud.errors import SettingsError

logger = logging.getLogger(__name__)


HANDSHAKE_TIMEOUT_S: Final = 5.0


class HandshakeBoundLoop(uvloop.Loop):
    """An event loop whose servers limit the time of the TLS handshake. Before its end there is no connection that
    `open_connections` could count or close; the default limit is a minute.
    """

    async def create_server(self, *of_uvicorn: Any, **named: Any) -> asyncio.Server:
        """As called by uvicorn, with that limit."""
        bound = {"ssl_handshake_timeout": HANDSHAKE_TIMEOUT_S} if named.get("ssl") else {}
        server: asyncio.Server = await super().create_server(*of_uvicorn, **named, **bound)  # type: ignore[call-overload]
        return server


def check_certificate(certificate: Path | None, key: Path | None) -> None:
    """Check that a server can use certificate and key, if they are set.

    Raises:
        SettingsError: one without the other, file not found, not PEM, or a key of another certificate.
    """
    if certificate is None and key is None:
        return
    if certificate is None or key is None:
        raise SettingsError("SSL_CERTFILE and SSL_KEYFILE: set both, or neither")
    try:
        # A key with a password would prompt at a terminal, where nobody would answer.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:  # SSLError is an OSError
        raise SettingsError(
            f"SSL_CERTFILE={certificate}, SSL_KEYFILE={key} can't be used ({error}): expected a matching pair of PEM "
            f"files, and a key without a password"
        ) from None


def end_of_certificate(certificate: Path) -> float:
    """Expiry of the first certificate of a PEM file, which is the server's; seconds since 1970."""
    from cryptography import x509  # noqa: PLC0415 - slow to import, and not needed without a certificate

    return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc.timestamp()


def warn_if_readable(host: str, *, encrypted: bool) -> None:
    """Warn if keys and applications would cross a network unencrypted."""
    if not encrypted and not _is_loopback(host):
        logger.warning(
            "%s is not a loopback address and SSL_CERTFILE is not set: keys, passwords and applications can be read on "
            "the network, unless a proxy in front encrypts them",
            host,
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
