"""Where mail goes, as one setting says it: server, security, login, sender and recipients.

smtps://user:password@mail.example:465/?from=scoring@example.org&to=anna@example.org,bert@example.org
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from fraud.environment import LOOPBACK_NAMES

_ADDRESS: Final = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+")


class Security(StrEnum):
    """What keeps others from reading along, by the scheme of the address."""

    TLS = "smtps"
    STARTTLS = "smtp+starttls"
    NONE = "smtp"
    """On this machine only."""


_PORTS: Final = {Security.TLS: 465, Security.STARTTLS: 587, Security.NONE: 25}


@dataclass(frozen=True, slots=True)
class MailPlace:
    """A server that takes mail, and whom it is for."""

    security: Security
    host: str
    port: int
    user: str
    """Empty: no login."""
    password: str = field(repr=False)
    sender: str
    recipients: tuple[str, ...]


def parse_mail_place(url: str) -> MailPlace:
    """The place that a setting names.

    Raises:
        ValueError: it names none; the message has nothing of what was given.
    """
    try:
        parts = urlsplit(url)
        host, port, query = parts.hostname, parts.port, parse_qs(parts.query)
        security = Security(parts.scheme)
    except ValueError:
        raise ValueError(
            "expected smtps://, smtp+starttls:// or, on this machine, smtp://, then user:password@host:port"
        ) from None
    if not host:
        raise ValueError("expected a host, as in smtps://user:password@host:465/?from=...&to=...")
    if security is Security.NONE and host not in LOOPBACK_NAMES:
        raise ValueError(
            "smtp:// is not encrypted, so it is for this machine only: expected smtps:// or smtp+starttls://"
        )
    senders, recipients = _addresses(query.get("from", [])), _addresses(query.get("to", []))
    if len(senders) != 1 or not recipients:
        raise ValueError("expected ?from= with one mail address, and &to= with one or more, comma-separated")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return MailPlace(security, host, port or _PORTS[security], user, password, senders[0], recipients)


def _addresses(values: list[str]) -> tuple[str, ...]:
    """Mail addresses; none where one of them is none."""
    found = tuple(part for value in values for text in value.split(",") if (part := text.strip()))
    return found if all(_ADDRESS.fullmatch(address) for address in found) else ()
