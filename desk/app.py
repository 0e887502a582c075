"""The application: all pages, the headers of every answer, and the pages of errors."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Final

import psycopg2
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from desk.assets import asset_routes
from desk.errors import PageError
from desk.rendering import render
from desk.visits import Page
from fraud.errors import ProjectError

logger = logging.getLogger(__name__)

POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def create_app(dsn: str, pages: Iterable[Page]) -> ASGIApp:
    """The application of these pages; `dsn` is of the database, for the desk's role."""
    app = Starlette(routes=[*asset_routes(), *(page.route(dsn) for page in pages)])
    handlers: list[tuple[type[Exception], Callable[[Request, Exception], Response]]] = [
        (PageError, _page_error),
        (HTTPException, _http_error),
        (psycopg2.Error, _unavailable),
        (ProjectError, _unavailable),
        (Exception, _unexpected),
    ]
    for kind, handler in handlers:
        app.add_exception_handler(kind, handler)
    return Headers(app)


class Headers:
    """Middleware: what every answer tells browsers. Pages are not cached, unless they say for how long."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", POLICY)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _page_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, PageError)  # noqa: S101 - as it is registered
    return _told(error.status, str(error))


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as it is registered
    return _told(HTTPStatus(error.status_code), f"{request.method} {request.url.path}: {error.detail}")


def _unavailable(_request: Request, error: Exception) -> Response:
    logger.error("a page failed: %s", str(error).partition("\n")[0])
    told = "The database or the registry does not answer; scoring continues without them. Try again later."
    return _told(HTTPStatus.SERVICE_UNAVAILABLE, told)


def _unexpected(_request: Request, error: Exception) -> Response:
    logger.error("a page failed by an exception that nobody expected", exc_info=error)
    return _told(HTTPStatus.INTERNAL_SERVER_ERROR, "This page failed; the server's log says why.")


def _told(status: HTTPStatus, told: str) -> Response:
    return render("error.html", None, status, status=status.phrase, told=told)
