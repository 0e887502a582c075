"""The decision: who is let in, and what those are told who are not."""

from __future__ import annotations

import logging
import math
from typing import Final

from fraud.api_keys import Role
from serve.access.authentication import ANYBODY, REALM, Authenticator, Caller, Scheme, scheme_of
from serve.access.failed_logins import FREE_FAILURES, FailedLogins, delay_s
from serve.errors import TooManyFailedLogins, Unauthorized

logger = logging.getLogger(__name__)

_BEARER: Final = f"Bearer {REALM}"
_BASIC: Final = f'Basic {REALM}, charset="UTF-8"'
_UNKNOWN_KEY: Final = ', error="invalid_token"'
"""RFC 6750, section 3.1: a key was sent, and it is not one."""

SEND_A_KEY: Final = "send your API key as `Authorization: Bearer KEY` or `X-API-Key: KEY`"
OR_BE_ADMINISTRATOR: Final = "or the administrator's name and password (HTTP Basic)"


class AccessControl:
    """Lets callers in. One for all connections of a process; nothing here waits."""

    def __init__(self, authenticator: Authenticator, *, required: bool) -> None:
        """Without `required` everybody may score; all else takes a login even so."""
        self._authenticator = authenticator
        self._required = required
        self._failed = FailedLogins()

    def admit(self, login: bytes | None, address: str, role: Role | None, request_id: str) -> Caller:
        """Who has sent a request that takes the role, or any login if it is None.

        Raises:
            Unauthorized: no login, or a wrong one; its answer is to wait for `delay_s`.
            TooManyFailedLogins: the password was not looked at.
            Forbidden: the caller may do other things, but not this.
        """
        if not self._required and role in {Role.SCORE, None}:
            return self._client_or_anybody(login)
        if login is None:
            raise Unauthorized(f"a login is missing: {_what_to_send(role)}", _challenge(role))
        caller = self._identify(login, address)
        if caller is None:
            raise self._failure(login, address, role, request_id)
        if role is not None:
            if role not in caller.roles:
                about = {"request_id": request_id, "caller": caller.name}
                logger.warning("refused for lack of the role %s", role, extra=about)
            caller.require(role)
        return caller

    def _client_or_anybody(self, login: bytes | None) -> Caller:
        """Passwords are not looked at: what is answered must not tell whether one was right."""
        caller = None if login is None else self._authenticator.identify(login, keys_only=True)
        return ANYBODY if caller is None or Role.SCORE not in caller.roles else caller

    def _identify(self, login: bytes, address: str) -> Caller | None:
        wait_s = self._failed.wait_before_guess_s(address)
        caller = self._authenticator.identify(login, keys_only=wait_s > 0.0)
        if caller is None and wait_s > 0.0 and scheme_of(login) is Scheme.BASIC:
            raise TooManyFailedLogins(
                "too many failed logins from your address: this password was not looked at; wait as long as "
                "Retry-After says, or use an API key",
                {"Retry-After": str(math.ceil(wait_s))},
            )
        return caller

    def _failure(self, login: bytes, address: str, role: Role | None, request_id: str) -> Unauthorized:
        failures = self._failed.add(address)
        scheme = scheme_of(login)
        # Of many failures in a row the log gets the first few, then ever fewer.
        if failures <= FREE_FAILURES or failures.bit_count() == 1:
            logger.warning(
                "failed login (%s) from %s, failure %d from there",
                *(scheme, address, failures),
                extra={"request_id": request_id},
            )
        what = {
            Scheme.BEARER: "the API key is not known here",
            Scheme.BASIC: "wrong name or password",
            None: "a login of an unknown kind",
        }[scheme]
        error = _UNKNOWN_KEY if scheme is Scheme.BEARER else ""
        return Unauthorized(f"{what}: {_what_to_send(role)}", _challenge(role) + error, delay_s(failures))


def _what_to_send(role: Role | None) -> str:
    return SEND_A_KEY if role is Role.SCORE else f"{SEND_A_KEY}, {OR_BE_ADMINISTRATOR}"


def _challenge(role: Role | None) -> str:
    """`Bearer` comes last, where the parameter `error` may follow it."""
    return _BEARER if role is Role.SCORE else f"{_BASIC}, {_BEARER}"
