"""HTTPS: the certificate is looked at before a worker starts, its absence is said where it matters, handshakes end."""

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
    """An event loop whose servers give up on a client that does not get done with the TLS handshake.

    Until then there is no connection that `connections` could count or cut off; the default is a minute.
    """

    async def create_server(self, *of_uvicorn: Any, **named: Any) -> asyncio.Server:
        """As uvicorn asks for it, with that bound."""
        bound = {"ssl_handshake_timeout": HANDSHAKE_TIMEOUT_S} if named.get("ssl") else {}
        server: asyncio.Server = await super().create_server(*of_uvicorn, **named, **bound)  # type: ignore[call-overload]
        return server


def check_certificate(certificate: Path | None, key: Path | None) -> None:
    """Make sure that a server can use them, if they are set.

    Raises:
        SettingsError: one without the other, no such file, no PEM, or a key of another certificate.
    """
    if certificate is None and key is None:
        return
    if certificate is None or key is None:
        raise SettingsError("SSL_CERTFILE and SSL_KEYFILE: set both, or neither")
    try:
        # A key with a password would be asked for at a terminal; here nobody answers.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:  # SSLError is an OSError
        raise SettingsError(
            f"SSL_CERTFILE={certificate}, SSL_KEYFILE={key} can't be used ({error}): expected PEM files that belong "
            "together, the key without a password"
        ) from None


def end_of_certificate(certificate: Path) -> float:
    """When the first certificate of a PEM file ends, which is the server's own; seconds since 1970."""
    from cryptography import x509  # noqa: PLC0415 - takes time that servers without a certificate need not spend

    return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc.timestamp()


def warn_if_readable(host: str, *, encrypted: bool) -> None:
    """Say so when keys and applications would cross a network as they are."""
    if not encrypted and not _is_loopback(host):
        logger.warning(
            "%s is no loopback address and SSL_CERTFILE is not set: keys, passwords and applications can be read on "
            "the network, unless a proxy in front encrypts them",
            host,
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
