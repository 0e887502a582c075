"""Access control for requests that the framework answers; scoring connections call `AccessControl` themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from serve.access.authentication import Caller, login_in
from serve.access.authorization import is_open, role_for
from serve.access.control import AccessControl
from serve.access.known_browsers import KnownBrowsers
from serve.access.same_site import refuse_other_sites
from serve.error_answers import WriteError, error_form, error_response, log_fields
from serve.errors import ServeError

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Safe methods (RFC 9110, section 9.2.1)."""
_CALLER: Final = "caller"


class RequireLogin:
    """Middleware that admits requests of authorized callers, and passes the caller to the route."""

    def __init__(
        self, app: ASGIApp, control: AccessControl, browsers: KnownBrowsers, error_forms: Mapping[str, WriteError]
    ) -> None:
        """`error_forms`: as `error_form` takes them."""
        self._app = app
        self._control = control
        self._browsers = browsers
        self._error_forms = error_forms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        path, request_id = scope["path"], scope["request_id"]
        try:
            caller, browser = self._admit(scope)
        except ServeError as error:
            await asyncio.sleep(error.delay_s)
            write = error_form(path, self._error_forms)
            await error_response(error, request_id, write)(scope, receive, send)
            return
        scope[_CALLER] = caller
        if browser is None and self._control.is_administrator(caller):
            send = self._browsers.introducing(send, encrypted=scope["scheme"] == "https")
        await self._app(scope, receive, send)

    def _admit(self, scope: Scope) -> tuple[Caller, str | None]:
        """The authorized caller of a request, and the known browser that sent it."""
        headers = Headers(scope=scope)
        if scope["method"] not in SAFE_METHODS:
            refuse_other_sites(headers)
        address = self._control.address_of(scope.get("client"), scope["headers"])
        browser = self._browsers.name_of(headers.getlist("cookie"))
        fields = log_fields(scope["request_id"], scope["trace"])
        caller = self._control.admit(login_in(headers), address, role_for(scope["path"]), fields, browser)
        return caller, browser


def caller_of(request: Request) -> Caller:
    """The caller of a request that requires a login."""
    caller: Caller = request.scope[_CALLER]
    return caller
