"""Addresses whose answers nobody else on the network can read or change."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_confidential(url: str) -> bool:
    """Whether an address is reached by HTTPS, or on this machine; one with a password in it is not."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or not url.isprintable() or " " in url:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
