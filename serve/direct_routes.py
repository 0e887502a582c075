"""The scoring routes in front of the framework: its layers cost more than scoring one row does.

What they would do for these routes is done here: find the route, call it, turn its errors into answers. All other
requests go on to the framework, and so do these with another method than POST.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from fraud.errors import ProjectError

Endpoint = Callable[[Request], Awaitable[Response]]
OnError = Callable[[Request, Exception], Awaitable[Response]]


class DirectRoutes:
    """Middleware that answers POST requests to some exact paths by itself."""

    def __init__(self, app: ASGIApp, endpoints: Mapping[str, Endpoint], on_error: OnError) -> None:
        self._app = app
        self._endpoints = endpoints
        self._on_error = on_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        endpoint = self._endpoints.get(scope["path"]) if scope["type"] == "http" else None
        if endpoint is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive, send)
        try:
            response = await endpoint(request)
        except ProjectError as error:
            response = await self._on_error(request, error)
        await response(scope, receive, send)
