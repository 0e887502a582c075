"""HTTP Basic login for the routes that are not for everybody."""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass

from starlette.requests import Request

from serve.errors import Unauthorized


@dataclass(frozen=True, slots=True)
class Administrator:
    """The login that operates the server and reads the registry."""

    user: str
    password: str

    def check(self, request: Request) -> None:
        """Let the request pass.

        Raises:
            Unauthorized: no login, or a wrong one; both compares always run, in constant time.
        """
        user, password = _basic_credentials(request.headers.get("authorization", ""))
        same_user = hmac.compare_digest(user.encode(), self.user.encode())
        same_password = hmac.compare_digest(password.encode(), self.password.encode())
        if not (same_user and same_password):
            raise Unauthorized("expected the administrator's name and password (HTTP Basic)")


def _basic_credentials(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    user, _, password = decoded.partition(":")
    return user, password
