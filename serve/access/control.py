"""The decision: who is let in, and what those are told who are not."""

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
"""RFC 6750, section 3.1: a key was sent, and it is not one."""

SEND_A_KEY: Final = "send your API key as `Authorization: Bearer KEY` or `X-API-Key: KEY`"
OR_BE_ADMINISTRATOR: Final = "or the administrator's name and password (HTTP Basic)"

_EVERYBODY: Final = "everybody"
"""As a sender."""
NOT_LOOKED_AT: Final = "not_looked_at"
_KINDS: Final = {Scheme.BEARER: "key", Scheme.BASIC: "password", None: "unknown"}
"""Scheme -> what metrics call a wrong login of it."""


class AccessControl:
    """Lets callers in. One for all connections of a process; nothing here waits."""

    def __init__(self, authenticator: Authenticator, *, required: bool, proxies: TrustedProxies = NO_PROXIES) -> None:
        """Without `required` everybody may score; all else takes a login even so."""
        self._authenticator = authenticator
        self._required = required
        self._proxies = proxies
        self._wrong_keys = FailedLogins()
        self._guesses = FailedLogins()
        """At the administrator's password. Those under other names are counted apart: they can't be right."""
        self._other_names = FailedLogins()
        self._all_guesses = FailedLogins(OF_ALL)
        self._failed: Counts[str] = Counts()

    def take_failures(self) -> Mapping[str, int]:
        """Logins that were refused since the last call: wrong ones by their scheme, and those not looked at."""
        failed, self._failed = self._failed, Counts()
        return failed

    @property
    def term(self) -> int:
        """Remembered with a login, which holds for as long as this is the same number."""
        return self._authenticator.term

    def address_of(self, client: tuple[str, int] | None, headers: RawHeaders) -> str:
        """Where a request is from; `client` is the connection's other end."""
        return self._proxies.client_address(client, headers)

    def scheme_of(self, client: tuple[str, int] | None, headers: RawHeaders, scheme: str) -> str:
        """How a request left its client, `http` or `https`; `scheme` is how it reached us."""
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
        """Who has sent a request that takes the role, or any login if it is None.

        `log_fields` name the request in logs; `browser` is one that is known from before: see `known_browsers`.

        Raises:
            Unauthorized: no login, or a wrong one; its answer is to wait for `delay_s`.
            TooManyFailedLogins: the password was not looked at.
            Forbidden: the caller may do other things, but not this.
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
        """Passwords are not looked at: what is answered must not tell whether one was right."""
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
                "too many wrong passwords came from your address, or from many addresses: this one was not looked at; "
                "wait as long as Retry-After says, or use an API key",
                {"Retry-After": str(math.ceil(wait_s))},
            )
        return caller

    def _guesses_like(self, login: bytes) -> FailedLogins:
        return self._guesses if self._authenticator.names_administrator(login) else self._other_names

    def _count_failure(self, login: bytes, address: str, browser: str | None) -> int:
        """Remember a wrong login; returns how many there were from there."""
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
        # Of many failures in a row the log gets the first few, then ever fewer.
        if failures <= FREE_FAILURES or failures.bit_count() == 1:
            logger.warning(
                "failed login (%s) from %s, failure %d from there",
                *(scheme, address, failures),
                extra=log_fields,
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
