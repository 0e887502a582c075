"""The login of scoring requests on one connection; most clients send the same one each time."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from fraud.api_keys import Role
from serve.access.authentication import Caller, login_in
from serve.access.client_address import RawHeaders
from serve.access.control import AccessControl
from serve.access.same_site import refuse_other_sites


class ScoringLogin:
    """The logins of one connection. The last valid one is remembered: a comparison instead of a hash for each request.

    It is valid until keys change, and for at most 30 seconds (`AccessControl.term`).
    """

    def __init__(self, access: AccessControl, client: tuple[str, int] | None) -> None:
        """`client` is the connection's peer."""
        self._access = access
        self._client = client
        self._known: tuple[bytes, Caller, int] | None = None

    def caller(
        self, headers: Mapping[str, str], lines: RawHeaders, log_fields: Mapping[str, str], *, changes: bool
    ) -> Caller:
        """The caller of a scoring request; `lines` are the header lines of `headers`, `log_fields` identify the request
        in logs.

        `changes`: whether the method may change something.

        Raises:
            ServeError: the caller is not authorized.
        """
        if changes and ("origin" in headers or "sec-fetch-site" in headers):
            refuse_other_sites(headers)
        login = login_in(headers)
        if self._known is not None and login is not None:
            known, caller, term = self._known
            # Constant time: a proxy may send requests of several clients over one connection.
            if hmac.compare_digest(login, known) and term == self._access.term:
                return caller
        address = self._access.address_of(self._client, lines)
        caller = self._access.admit(login, address, Role.SCORE, log_fields)
        self._known = None if login is None else (login, caller, self._access.term)
        return caller
