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
"""Of header values, as the server reads them."""


class Scheme(StrEnum):
    """How somebody says who they are; in lower case."""

    BASIC = "basic"
    BEARER = "bearer"


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who was let in."""

    name: str
    """On record with every prediction, and what keeps the answers of one client from others."""
    roles: frozenset[Role]

    def require(self, role: Role) -> None:
        """Let the caller pass who has the role; raises Forbidden."""
        if role not in self.roles:
            raise Forbidden(
                f"{self.name} lacks the role `{role}` that this call takes: ask whoever runs the server for a key "
                "with it",
                {"WWW-Authenticate": f'Bearer {REALM}, error="insufficient_scope", scope="{role}"'},
            )


ANYBODY: Final = Caller(ANONYMOUS, frozenset({Role.SCORE}))
"""Who sends no login, where none is asked for."""


@dataclass(frozen=True, slots=True)
class Administrator:
    """The login of whoever runs the server."""

    user: str
    password: str

    @property
    def caller(self) -> Caller:
        """An administrator reads and operates; scoring takes a key, so that the record names a client."""
        return Caller(self.user, frozenset({Role.READ, Role.OPERATE}))


def login_in(headers: Mapping[str, str]) -> bytes | None:
    """What a request says of its sender, as the value of `Authorization`; `X-API-Key` counts where both are sent."""
    key = headers.get("x-api-key")
    if key is not None:
        return b"Bearer " + key.encode(_ENCODING)
    given = headers.get("authorization")
    return None if given is None else given.encode(_ENCODING)


def scheme_of(login: bytes) -> Scheme | None:
    """How the login is meant; None if in no way that is known here."""
    try:
        return Scheme(login.partition(b" ")[0].decode(_ENCODING).lower())
    except ValueError:
        return None


class Authenticator:
    """Knows all keys that count, and the administrator.

    Every comparison runs to its end, in constant time, whether or not another one has matched.
    """

    def __init__(self, keys: Iterable[ApiKey], administrator: Administrator) -> None:
        self.term = 0
        """Remembered with each login; once it is another number, the login has to be shown again."""
        self._used: set[bytes] = set()
        self.know(keys)
        self._administrator = administrator
        self.administrator: Final = administrator.caller
        """The very caller that `identify` returns for the password, whatever clients are called."""

    def know(self, keys: Iterable[ApiKey]) -> None:
        """Let in by these keys from now on, and by no others."""
        self._callers = [(key.sha256, Caller(key.client, key.roles)) for key in keys]
        self.term += 1

    def begin_term(self) -> Set[bytes]:
        """Have every login shown again; returns the SHA-256 of each key that was shown since the last time."""
        used, self._used = self._used, set()
        self.term += 1
        return used

    def identify(self, login: bytes, *, keys_only: bool = False) -> Caller | None:
        """Whose login it is; None if nobody's, or if it is not a key and `keys_only`."""
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
    """What stands behind the scheme."""
    return login.partition(b" ")[2].strip().decode(_ENCODING)


def _user_and_password(encoded: str) -> tuple[str, str]:
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        return "", ""
    user, _, password = decoded.partition(":")
    return user, password
