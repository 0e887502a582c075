"""The access decision: whom to admit, and the error for everybody else."""

from __future__ import annotations

import logging
import math
from collections import Counter as Counts
from collections.abc import Mapping
from typing import Final

from fraud.api_keys import Role
from serve.access.authentication import ANYBODY, REALM, Authenticator, Caller, Scheme, scheme_of
from serve.access.client_address import NO_PROXIES, RawHeaders, TrustedProxies
from serve.access.failed_logins import FREE_FAILURES, OF_ALL, FailedLogins, delay_s
from serve.errors import TooManyFailedLogins, Unauthorized

logger = logging.getLogger(__name__)

_BEARER: Final = f"Bearer {REALM}"
_BASIC: Final = f'Basic {REALM}, charset="UTF-8"'
_UNKNOWN_KEY: Final = ', error="invalid_token"'
"""RFC 6750, section 3.1: a key was sent, but it is not valid."""

SEND_A_KEY: Final = "send your API key as `Authorization: Bearer KEY` or `X-API-Key: KEY`"
OR_BE_ADMINISTRATOR: Final = "or the administrator's name and password (HTTP Basic)"

_EVERYBODY: Final = "everybody"
"""The password as one more sender whose failures are counted."""
NOT_LOOKED_AT: Final = "not_looked_at"
_KINDS: Final = {Scheme.BEARER: "key", Scheme.BASIC: "password", None: "unknown"}
"""Scheme -> label of a failed login in metrics."""


class AccessControl:
    """Admits callers. Shared by all connections of a process; never blocks."""

    def __init__(self, authenticator: Authenticator, *, required: bool, proxies: TrustedProxies = NO_PROXIES) -> None:
        """Without `required` everybody may score; all other calls still need a login."""
        self._authenticator = authenticator
        self._required = required
        self._proxies = proxies
        self._wrong_keys = FailedLogins()
        self._guesses = FailedLogins()
        """Failures at the administrator's password. Failures under other names are counted separately, since they can't
        be right.
        """
        self._other_names = FailedLogins()
        self._all_guesses = FailedLogins(OF_ALL)
        self._failed: Counts[str] = Counts()

    def take_failures(self) -> Mapping[str, int]:
        """Logins refused since the last call: wrong ones by scheme, and unchecked ones."""
        failed, self._failed = self._failed, Counts()
        return failed

    @property
    def term(self) -> int:
        """Stored with a remembered login, which is valid while this number is unchanged."""
        return self._authenticator.term

    def address_of(self, client: tuple[str, int] | None, headers: RawHeaders) -> str:
        """The address of the client; `client` is the connection's peer."""
        return self._proxies.client_address(client, headers)

    def scheme_of(self, client: tuple[str, int] | None, headers: RawHeaders, scheme: str) -> str:
        """The scheme that the client used, `http` or `https`; `scheme` is the connection's."""
        return self._proxies.client_scheme(client, headers, scheme)

    def is_administrator(self, caller: Caller) -> bool:
        """Whether the caller has sent the administrator's password."""
        return caller is self._authenticator.administrator

    def admit(
        self,
        login: bytes | None,
        address: str,
        role: Role | None,
        log_fields: Mapping[str, str],
        browser: str | None = None,
    ) -> Caller:
        """Authenticate the caller of a request that requires the role, or any login if it is None.

        `log_fields` identify the request in logs; `browser` is a known browser: see `known_browsers`.

        Raises:
            Unauthorized: no login, or a wrong one; delay its answer by `delay_s`.
            TooManyFailedLogins: the password was not checked.
            Forbidden: the caller lacks the role.
        """
        if not self._required and role in {Role.SCORE, None}:
            return self._client_or_anybody(login)
        if login is None:
            raise Unauthorized(f"a login is missing: {_what_to_send(role)}", _challenge(role))
        caller = self._identify(login, address, browser)
        if caller is None:
            failures = self._count_failure(login, address, browser)
            raise self._failure(login, address, failures, role, log_fields)
        if role is not None:
            if role not in caller.roles:
                about = {**log_fields, "caller": caller.name}
                logger.warning("refused for lack of the role %s", role, extra=about)
            caller.require(role)
        return caller

    def _client_or_anybody(self, login: bytes | None) -> Caller:
        """Passwords are not checked here: the answer must not reveal whether one was right."""
        caller = None if login is None else self._authenticator.identify(login, keys_only=True)
        return ANYBODY if caller is None or Role.SCORE not in caller.roles else caller

    def _identify(self, login: bytes, address: str, browser: str | None) -> Caller | None:
        if scheme_of(login) is not Scheme.BASIC:
            return self._authenticator.identify(login)
        wait_s = self._guesses_like(login).wait_before_guess_s(browser or address)
        if browser is None:
            wait_s = max(wait_s, self._all_guesses.wait_before_guess_s(_EVERYBODY))
        caller = self._authenticator.identify(login, keys_only=wait_s > 0.0)
        if caller is None and wait_s > 0.0:
            self._failed[NOT_LOOKED_AT] += 1
            raise TooManyFailedLogins(
                "too many wrong passwords from your address, or from many addresses: this one was not checked; wait as "
                "long as Retry-After says, or use an API key",
                {"Retry-After": str(math.ceil(wait_s))},
            )
        return caller

    def _guesses_like(self, login: bytes) -> FailedLogins:
        return self._guesses if self._authenticator.names_administrator(login) else self._other_names

    def _count_failure(self, login: bytes, address: str, browser: str | None) -> int:
        """Count a failed login; returns the number of failures from there."""
        if scheme_of(login) is not Scheme.BASIC:
            return self._wrong_keys.add(address)
        guesses = self._guesses_like(login)
        if browser is None and guesses is self._guesses:
            self._all_guesses.add(_EVERYBODY)
        return guesses.add(browser or address)

    def _failure(
        self, login: bytes, address: str, failures: int, role: Role | None, log_fields: Mapping[str, str]
    ) -> Unauthorized:
        scheme = scheme_of(login)
        self._failed[_KINDS[scheme]] += 1
        # Of many failures in a row, log the first few, then fewer and fewer.
        if failures <= FREE_FAILURES or failures.bit_count() == 1:
            logger.warning(
                "failed login (%s) from %s, failure %d from there",
                *(scheme, address, failures),
                extra=log_fields,
            )
        what = {
            Scheme.BEARER: "the API key is not valid",
            Scheme.BASIC: "wrong name or password",
            None: "a login of an unknown kind",
        }[scheme]
        error = _UNKNOWN_KEY if scheme is Scheme.BEARER else ""
        return Unauthorized(f"{what}: {_what_to_send(role)}", _challenge(role) + error, delay_s(failures))


def _what_to_send(role: Role | None) -> str:
    return SEND_A_KEY if role is Role.SCORE else f"{SEND_A_KEY}, {OR_BE_ADMINISTRATOR}"


def _challenge(role: Role | None) -> str:
    """`Bearer` comes last, so that the parameter `error` can follow it."""
    return _BEARER if role is Role.SCORE else f"{_BASIC}, {_BEARER}"
