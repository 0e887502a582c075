"""Who asks for scores on one connection: most clients send the same login each time."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from fraud.api_keys import Role
from serve.access.authentication import Caller, login_in
from serve.access.client_address import RawHeaders
from serve.access.control import AccessControl
from serve.access.same_site import refuse_other_sites


class ScoringLogin:
    """The logins of one connection. The last right one is remembered: a compare instead of a hash a request.

    What is remembered holds until keys change, and for half a minute at most (`AccessControl.term`).
    """

    def __init__(self, access: AccessControl, client: tuple[str, int] | None) -> None:
        """`client` is the connection's other end."""
        self._access = access
        self._client = client
        self._known: tuple[bytes, Caller, int] | None = None

    def caller(
        self, headers: Mapping[str, str], lines: RawHeaders, log_fields: Mapping[str, str], *, changes: bool
    ) -> Caller:
        """Who asks for a score; `lines` are all that `headers` were read from, `log_fields` name the request in logs.

        `changes` says whether the method is one that may change something.

        Raises:
            ServeError: nobody who may.
        """
        if changes and ("origin" in headers or "sec-fetch-site" in headers):
            refuse_other_sites(headers)
        login = login_in(headers)
        if self._known is not None and login is not None:
            known, caller, term = self._known
            # In constant time: a proxy may send requests of several clients over one connection.
            if hmac.compare_digest(login, known) and term == self._access.term:
                return caller
        address = self._access.address_of(self._client, lines)
        caller = self._access.admit(login, address, Role.SCORE, log_fields)
        self._known = None if login is None else (login, caller, self._access.term)
        return caller
