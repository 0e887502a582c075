"""Logging in and out, and changing one's password."""

from __future__ import annotations

import logging
import math
import threading
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import msgspec
from prometheus_client import CollectorRegistry
from starlette.responses import RedirectResponse, Response

from desk.cookie import SESSION
from desk.entering import enter, local_address
from desk.errors import TooManyLogins
from desk.oidc.pages import ProviderLogins
from desk.oidc.provider import Provider
from desk.rendering import render
from desk.visits import LOGIN, LOGOUT, PASSWORD, PROVIDER, PROVIDER_LOGOUT, Page, Visit
from serve.access.control import NOT_LOOKED_AT
from serve.access.failed_logins import FailedLogins, site_of
from serve.journal.table import PERSON_EVENTS
from serve.metrics import failed_logins
from serve.people.account import Account, PersonRole
from serve.people.accounts_table import change_account, find_account
from serve.people.errors import PeopleError
from serve.people.passwords import checked_password, hash_password, is_password
from serve.people.sessions import end_session

logger = logging.getLogger(__name__)

AT_ONCE: Final = 2
"""Passwords that are hashed at the same time: each takes 64 MiB."""
PERSON: Final = "person"
"""What metrics call a failed login here."""
WRONG: Final = "The name or the password is wrong."


class Logins:
    """The pages around logins; they remember who failed.

    Failures are counted by account and address together, so that nobody else's guesses keep a person out.
    """

    def __init__(self, failed: FailedLogins | None = None, provider: Provider | None = None) -> None:
        """`provider`: an OpenID provider at which people log in as well."""
        self._provider = provider
        self._failed = FailedLogins() if failed is None else failed
        self._refused = failed_logins(CollectorRegistry())
        self._hashing = threading.BoundedSemaphore(AT_ONCE)
        self._counting = threading.Lock()

    def pages(self) -> list[Page]:
        """Their addresses."""
        return [
            Page(LOGIN, self._show_login, self._log_in),
            Page(LOGOUT, _home, self._log_out),
            Page(PASSWORD, self._show_password, self._change_password, frozenset(PersonRole)),
            *([] if self._provider is None else ProviderLogins(self._provider, self._show_login).pages()),
        ]

    def _show_login(self, visit: Visit, told: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
        after = local_address(visit.form.get("next") or visit.request.query_params.get("next", "/"))
        provider = None
        if self._provider is not None:
            provider = {"name": self._provider.name, "address": f"{PROVIDER}?next={quote(after, safe='')}"}
        name = visit.form.get("name", "")
        return render("login.html", visit, status, told=told, next=after, name=name, provider=provider)

    def _log_in(self, visit: Visit) -> Response:
        name, password = visit.form.get("name", "").strip(), visit.form.get("password", "")
        sender = f"{name[:64]} at {site_of(visit.address)}"
        with self._counting:
            wait_s = self._failed.wait_before_guess_s(sender)
        if wait_s > 0:
            self._refused.labels(NOT_LOOKED_AT).inc()
            raise TooManyLogins(f"too many wrong passwords: try again in {math.ceil(wait_s)} seconds")
        account = find_account(visit.connection, name)
        if not self._is_right(account, password):
            with self._counting:
                failures = self._failed.add(sender)
            self._refused.labels(PERSON).inc()
            logger.warning("failed login of a person, failure %d of this name from there", failures)
            return self._show_login(visit, WRONG, HTTPStatus.UNAUTHORIZED)
        assert account is not None  # noqa: S101 - nobody has a right password without an account
        return enter(visit, account, "login", local_address(visit.form.get("next", "/")))

    def _is_right(self, account: Account | None, password: str) -> bool:
        kept = None if account is None or account.is_disabled else account.password
        with self._hashing:
            return is_password(password, kept)

    def _log_out(self, visit: Visit) -> Response:
        person = visit.person
        is_vouched = self._provider is not None and person is not None and person.provider is not None
        response = RedirectResponse(PROVIDER_LOGOUT if is_vouched else "/", HTTPStatus.SEE_OTHER)
        if person is not None and visit.secret is not None:
            end_session(visit.connection, visit.secret)
            PERSON_EVENTS.append(visit.connection, person.name, "logout", {"address": visit.address})
        SESSION.forget(visit.request, response)
        return response

    def _show_password(self, visit: Visit, told: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
        return render("password.html", visit, status, told=told)

    def _change_password(self, visit: Visit) -> Response:
        account = visit.person
        assert account is not None  # noqa: S101 - the page takes a role
        if account.password is None:
            told = "You log in at a provider, which keeps your password: change it there."
            return self._show_password(visit, told, HTTPStatus.BAD_REQUEST)
        if not self._is_right(account, visit.form.get("current", "")):
            return self._show_password(visit, "The current password is wrong.", HTTPStatus.UNAUTHORIZED)
        password = visit.form.get("new", "")
        try:
            checked_password(password, account.name)
        except PeopleError as error:
            return self._show_password(visit, f"{error}.".capitalize(), HTTPStatus.BAD_REQUEST)
        if password != visit.form.get("again", ""):
            return self._show_password(visit, "The new passwords differ.", HTTPStatus.BAD_REQUEST)
        with self._hashing:
            changed = msgspec.structs.replace(account, password=hash_password(password), must_change=False)
        change_account(visit.connection, changed)
        return enter(visit, changed, "password_changed", "/")


def _home(_visit: Visit) -> Response:
    return RedirectResponse("/", HTTPStatus.SEE_OTHER)
