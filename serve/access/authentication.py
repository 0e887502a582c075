"""Who sends a request: a client by its API key, or the administrator by name and password (HTTP Basic).

For clients that know nothing but names and passwords, a key may come as the password, with any name.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fraud.api_keys import ApiKey, Role, sha256_of
from serve.errors import Forbidden
from serve.prediction_log.record import ANONYMOUS

REALM: Final = 'realm="marriage-loan scoring"'
_ENCODING: Final = "latin-1"
"""Encoding of header values, as the server reads them."""


class Scheme(StrEnum):
    """Authentication schemes, in lower case."""

    BASIC = "basic"
    BEARER = "bearer"


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller."""

    name: str
    """Recorded with every prediction; also separates the saved answers of clients."""
    roles: frozenset[Role]

    def require(self, role: Role) -> None:
        """Require a role; raises Forbidden if the caller lacks it."""
        if role not in self.roles:
            raise Forbidden(
                f"{self.name} lacks the role `{role}` that this call requires: ask the server's operator for a key "
                f"with that role",
                {"WWW-Authenticate": f'Bearer {REALM}, error="insufficient_scope", scope="{role}"'},
            )


ANYBODY: Final = Caller(ANONYMOUS, frozenset({Role.SCORE}))
"""The caller without a login, where none is required."""


@dataclass(frozen=True, slots=True)
class Administrator:
    """The login of the server's administrator."""

    user: str
    password: str

    @property
    def caller(self) -> Caller:
        """An administrator may read and operate; scoring requires a key, so that the record names a client."""
        return Caller(self.user, frozenset({Role.READ, Role.OPERATE}))


def login_in(headers: Mapping[str, str]) -> bytes | None:
    """The credentials of a request, as a value of `Authorization`; `X-API-Key` takes precedence."""
    key = headers.get("x-api-key")
    if key is not None:
        return b"Bearer " + key.encode(_ENCODING)
    given = headers.get("authorization")
    return None if given is None else given.encode(_ENCODING)


def scheme_of(login: bytes) -> Scheme | None:
    """The scheme of a login; None if it is unknown."""
    try:
        return Scheme(login.partition(b" ")[0].decode(_ENCODING).lower())
    except ValueError:
        return None


class Authenticator:
    """Checks logins against the valid keys and the administrator's login.

    Every comparison is made, in constant time, even after another one has matched.
    """

    def __init__(self, keys: Iterable[ApiKey], administrator: Administrator) -> None:
        self.term = 0
        """Stored with each remembered login; when it changes, the login must be checked again."""
        self._used: set[bytes] = set()
        self.know(keys)
        self._administrator = administrator
        self.administrator: Final = administrator.caller
        """The caller object that `identify` returns for the password, compared by identity so that no client's name can
        imitate it.
        """

    def know(self, keys: Iterable[ApiKey]) -> None:
        """Replace the valid keys."""
        self._callers = [(key.sha256, Caller(key.client, key.roles)) for key in keys]
        self.term += 1

    def begin_term(self) -> Set[bytes]:
        """Invalidate all remembered logins; returns the SHA-256 of each key used since the last call."""
        used, self._used = self._used, set()
        self.term += 1
        return used

    def identify(self, login: bytes, *, keys_only: bool = False) -> Caller | None:
        """The owner of a login; None if it is wrong, or if `keys_only` and it is not a key."""
        scheme = scheme_of(login)
        shown = _shown(login)
        if scheme is Scheme.BEARER:
            return self._client(shown)
        if scheme is Scheme.BASIC:
            user, password = _user_and_password(shown)
            client = self._client(password)
            return self.administrator if not keys_only and self._is_administrator(user, password) else client
        return None

    def names_administrator(self, login: bytes) -> bool:
        """Whether a login by name and password has the administrator's name."""
        user, _ = _user_and_password(_shown(login))
        return self._is_administrators_name(user)

    def _client(self, key: str) -> Caller | None:
        digest = sha256_of(key)
        found = None
        for known, caller in self._callers:
            if hmac.compare_digest(digest, known):
                found = caller
        if found is not None:
            self._used.add(digest)
        return found

    def _is_administrator(self, user: str, password: str) -> bool:
        same_user = self._is_administrators_name(user)
        same_password = hmac.compare_digest(password.encode(), self._administrator.password.encode())
        return same_user and same_password

    def _is_administrators_name(self, user: str) -> bool:
        return hmac.compare_digest(user.encode(), self._administrator.user.encode())


def _shown(login: bytes) -> str:
    """The credentials after the scheme."""
    return login.partition(b" ")[2].strip().decode(_ENCODING)


def _user_and_password(encoded: str) -> tuple[str, str]:
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        return "", ""
    user, _, password = decoded.partition(":")
    return user, password
