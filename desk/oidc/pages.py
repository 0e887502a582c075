"""The pages of a login at the provider: out to it, back from it, and what is left to do there after a logout."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from starlette.responses import RedirectResponse, Response

from desk.cookie import Cookie, is_encrypted
from desk.entering import enter, local_address
from desk.oidc.attempt import Attempt
from desk.oidc.errors import LoginRefused, OidcError, RolesMissing
from desk.oidc.provider import Provider
from desk.oidc.roles import roles_in
from desk.rendering import render
from desk.visits import CALLBACK, PROVIDER, PROVIDER_LOGOUT, Page, Visit
from serve.access.failed_logins import FailedLogins, Patience
from serve.access.same_site import refuse_other_sites
from serve.errors import Forbidden
from serve.journal.table import PERSON_EVENTS
from serve.people.account import Account
from serve.people.errors import PeopleError
from serve.people.vouched import vouched_account

logger = logging.getLogger(__name__)

ATTEMPT: Final = Cookie("login", lifetime_s=600)
"""Time to log in at the provider."""
ON_RECORD: Final = Patience(guesses=20, forgiven_after_s=60.0)
"""Refused logins that the journal gets: strangers must not fill what is never removed. The log has the others."""
_EVERYBODY: Final = "everybody"
ANONYMOUS: Final = "anonymous"
"""In the journal, who was not logged in."""

Tell = Callable[[Visit, str, HTTPStatus], Response]
"""Shows the login page with a word of why nobody was logged in."""


class ProviderLogins:
    """The pages; `tell` is of the page on which people choose how to log in."""

    def __init__(self, provider: Provider, tell: Tell) -> None:
        self._provider = provider
        self._tell = tell
        self._recorded = FailedLogins(ON_RECORD)
        self._counting = threading.Lock()

    def pages(self) -> list[Page]:
        """Their addresses."""
        return [
            Page(PROVIDER, self._go),
            Page(CALLBACK, self._come_back),
            Page(PROVIDER_LOGOUT, self._after_logout),
        ]

    def _go(self, visit: Visit) -> Response:
        try:
            refuse_other_sites(visit.request.headers)
        except Forbidden:
            # It would change who is logged in, without a word, where the provider asks nothing.
            return self._tell(visit, "Another site's page has led you here: choose how to log in.", HTTPStatus.OK)
        attempt = Attempt.begin(local_address(visit.request.query_params.get("next", "/")))
        try:
            url = self._provider.login_url(attempt, _callback(visit))
        except OidcError as error:
            return self._tell(visit, str(error), error.status)
        response = RedirectResponse(url, HTTPStatus.SEE_OTHER)
        ATTEMPT.keep(visit.request, response, attempt.cookie())
        return response

    def _come_back(self, visit: Visit) -> Response:
        try:
            response = self._enter(visit)
        except OidcError as error:
            response = self._refuse(visit, error)
        ATTEMPT.forget(visit.request, response)
        return response

    def _enter(self, visit: Visit) -> Response:
        attempt = Attempt.from_cookie(ATTEMPT.value_in(visit.request) or "")
        if attempt is None:
            raise LoginRefused("This browser has not begun to log in, or it took too long. Log in once more.")
        code = self._provider.code_in(visit.request.query_params, attempt)
        account = self._account(visit, code, attempt)
        return enter(visit, account, "login", local_address(attempt.after))

    def _account(self, visit: Visit, code: str, attempt: Attempt) -> Account:
        client = self._provider.client
        identity, claims = self._provider.vouched_for(code, attempt, _callback(visit))
        roles = roles_in(claims, client.roles_claim, client.roles)
        called = claims.get("preferred_username")
        called = called if isinstance(called, str) and called else identity.subject
        try:
            account = vouched_account(visit.connection, identity, called, roles)
        except PeopleError as error:
            raise LoginRefused(f"{error}.".capitalize()) from None
        if account is not None and account.is_disabled:
            raise LoginRefused("Your account here is disabled: ask an administrator.", identity.subject)
        if account is None or not account.roles:
            told = "You have no role here: ask an administrator of the login provider for one."
            raise RolesMissing(told, identity.subject)
        return account

    def _refuse(self, visit: Visit, error: OidcError) -> Response:
        logger.warning("failed login of a person at the provider: %s", error)
        if self._take_room_in_journal():
            facts = {"address": visit.address, "provider": self._provider.name, "why": str(error)}
            facts |= {} if error.subject is None else {"subject": error.subject}
            PERSON_EVENTS.append(visit.connection, ANONYMOUS, "login_refused", facts)
        return self._tell(visit, str(error), error.status)

    def _take_room_in_journal(self) -> bool:
        """Count one more refusal; whether the journal has room for it."""
        with self._counting:
            has_room = self._recorded.wait_before_guess_s(_EVERYBODY) <= 0.0
            if has_room:
                self._recorded.add(_EVERYBODY)
        return has_room

    def _after_logout(self, visit: Visit) -> Response:
        told = ""
        try:
            address = self._provider.logout_url()
        except OidcError as error:
            address, told = None, str(error)
        return render("provider_logout.html", visit, told=told, provider=self._provider.name, address=address)


def _callback(visit: Visit) -> str:
    """Our address to come back to, as this visitor's browser knows us; the provider knows which ones are ours."""
    scheme = "https" if is_encrypted(visit.request) else "http"
    return f"{scheme}://{visit.request.headers.get('host', '')}{CALLBACK}"
