"""The provider: where its addresses are, what is sent there, and whom its answers vouch for."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from desk.oidc.attempt import Attempt
from desk.oidc.errors import LoginRefused, ProviderAway, ProviderWrong
from desk.oidc.fetching import Fetcher, parsed, refuse_readable
from desk.oidc.id_token import Expected, checked_claims, keys_in
from serve.people.account import Identity

logger = logging.getLogger(__name__)

WELL_KNOWN: Final = "/.well-known/openid-configuration"
KEPT_S: Final = 3600.0
"""Time for which the provider's description counts. Its keys are read at each login, so that new ones count at once."""
BASIC: Final = "client_secret_basic"
IN_FORM: Final = "client_secret_post"
_NOT_OURS: Final = "The login provider does not take this service's login: tell an administrator."


class Client(msgspec.Struct, frozen=True):
    """What we are for the provider, as the settings say."""

    issuer: str
    client_id: str
    secret: str | None
    scope: str
    roles_claim: str
    roles: Mapping[str, str]


class Description(msgspec.Struct, frozen=True):
    """What the provider says of itself (OpenID Connect Discovery 1.0, section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = (BASIC,)
    authorization_response_iss_parameter_supported: bool = False


class Provider:
    """One provider, for all logins of a process."""

    def __init__(self, client: Client, fetcher: Fetcher | None = None, clock: Callable[[], float] = time.time) -> None:
        self.client = client
        self._fetcher = Fetcher() if fetcher is None else fetcher
        self._clock = clock
        self._description: tuple[float, Description] | None = None

    @property
    def name(self) -> str:
        """As people know it."""
        return urlsplit(self.client.issuer).netloc

    def login_url(self, attempt: Attempt, callback: str) -> str:
        """Where a browser is sent to log in; it comes back to `callback`."""
        sent = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": callback,
            "scope": self.client.scope,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        return _with_query(self._described().authorization_endpoint, sent)

    def logout_url(self) -> str | None:
        """Where people log out of the provider; None if it has no such address (RP-Initiated Logout 1.0)."""
        address = self._described().end_session_endpoint
        if address is None:
            return None
        refuse_readable(address)
        return _with_query(address, {"client_id": self.client.client_id})

    def code_in(self, answer: Mapping[str, str], attempt: Attempt) -> str:
        """The code that a browser brings back from the provider.

        Raises:
            LoginRefused: it brings another provider's answer, or a refusal.
        """
        if not attempt.is_state(answer.get("state", "")):
            raise LoginRefused("This answer of the login provider belongs to another login. Log in once more.")
        issuer = answer.get("iss")
        if issuer is None and self._described().authorization_response_iss_parameter_supported:
            raise LoginRefused("The answer does not say which login provider it is of. Log in once more.")
        if issuer is not None and issuer != self.client.issuer:
            raise LoginRefused("The answer is of another login provider. Log in once more.")
        if answer.get("error") == "access_denied":
            raise LoginRefused("The login provider did not let you in, or you have not agreed there.")
        code = answer.get("code", "")
        if "error" in answer or not code:
            raise LoginRefused("The login provider did not log you in. Try again in a while.")
        return code

    def vouched_for(self, code: str, attempt: Attempt, callback: str) -> tuple[Identity, Mapping[str, Any]]:
        """Whom the provider vouches for, and what it says of them.

        Raises:
            LoginRefused, ProviderAway, ProviderWrong: nobody.
        """
        token = self._token(code, attempt, callback)
        keys = keys_in(self._fetcher.get(self._described().jwks_uri))
        expected = Expected(self.client.issuer, self.client.client_id, attempt.nonce, self._clock())
        return checked_claims(token, keys, expected)

    def _token(self, code: str, attempt: Attempt, callback: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": callback,
            "code_verifier": attempt.verifier,
        }
        login, more = self._own_login()
        status, body = self._fetcher.post(self._described().token_endpoint, {**form, **more}, login)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ProviderAway("The login provider has a fault. Try again in a while.")
        answer = parsed(body)
        if not isinstance(answer, dict):
            raise ProviderWrong("The login provider's answer can't be read: tell an administrator.")
        if answer.get("error") in {"invalid_client", "unauthorized_client"} or status == HTTPStatus.UNAUTHORIZED:
            raise ProviderWrong(_NOT_OURS)
        token = answer.get("id_token")
        if status != HTTPStatus.OK or not isinstance(token, str):
            raise LoginRefused("The login provider does not stand by this login any more. Log in once more.")
        return token

    def _own_login(self) -> tuple[tuple[str, str] | None, dict[str, str]]:
        """Name and password of HTTP Basic, and what the form says instead."""
        client_id, secret = self.client.client_id, self.client.secret
        supported = self._described().token_endpoint_auth_methods_supported
        if secret is None:
            return None, {"client_id": client_id}
        if BASIC in supported:
            return (quote(client_id, safe=""), quote(secret, safe="")), {}  # RFC 6749, section 2.3.1
        if IN_FORM in supported:
            return None, {"client_id": client_id, "client_secret": secret}
        raise ProviderWrong(_NOT_OURS)

    def _described(self) -> Description:
        kept = self._description
        if kept is None or not 0 <= self._clock() - kept[0] < KEPT_S:
            self._description = kept = (self._clock(), self._read_description())
        return kept[1]

    def _read_description(self) -> Description:
        issuer = self.client.issuer
        found = self._fetcher.get(issuer.rstrip("/") + WELL_KNOWN)
        try:
            description = msgspec.convert(found, Description)
        except msgspec.ValidationError:
            raise ProviderWrong("The login provider does not describe itself: tell an administrator.") from None
        if description.issuer != issuer:
            logger.error("OIDC_ISSUER is %s, and the provider there calls itself another name", issuer)
            raise ProviderWrong("The login provider has another name than the settings say: tell an administrator.")
        for address in (description.authorization_endpoint, description.token_endpoint, description.jwks_uri):
            refuse_readable(address)
        return description


def _with_query(address: str, sent: Mapping[str, str]) -> str:
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(sent)}"
