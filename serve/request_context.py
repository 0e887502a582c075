"""What every answer carries: X-Request-ID, X-Model-Version, and errors as JSON. Pure ASGI, for speed."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.encoding import encode_error
from serve.errors import MalformedHeader, ServeError

logger = logging.getLogger(__name__)

REQUEST_ID_HEADER: Final = "X-Request-ID"
MODEL_VERSION_HEADER: Final = "X-Model-Version"
LOAD_TEST_HEADER: Final = "X-Load-Test"

_REQUEST_ID_NAME: Final = REQUEST_ID_HEADER.lower().encode()
_MODEL_VERSION_NAME: Final = MODEL_VERSION_HEADER.lower().encode()
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class RequestContext:
    """Middleware that names every request and puts the two headers on every answer."""

    def __init__(self, app: ASGIApp, model_version: Callable[[], int | None]) -> None:
        self._app = app
        self._model_version = model_version

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value.decode("latin-1") for name, value in scope["headers"] if name == _REQUEST_ID_NAME), None)
        acceptable = given is None or _REQUEST_ID.fullmatch(given) is not None
        request_id = given if given is not None and acceptable else secrets.token_hex(16)
        scope["request_id"] = request_id
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = list(message["headers"])
                names = {name for name, _ in headers}
                if _REQUEST_ID_NAME not in names:
                    headers.append((_REQUEST_ID_NAME, request_id.encode()))
                if _MODEL_VERSION_NAME not in names:
                    headers.append((_MODEL_VERSION_NAME, str(self._model_version() or "none").encode()))
                message = {**message, "headers": headers}
            await send(message)

        if not acceptable:
            error: ServeError = MalformedHeader(f"{REQUEST_ID_HEADER}: expected 1 to 128 letters, digits or . _ : -")
            await error_response(error, request_id)(scope, receive, send_with_headers)
            return
        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            # The traceback goes to the log under the request's id; the client learns nothing of our insides.
            logger.exception("request %s failed", request_id)
            if started:
                raise
            error = ServeError("internal error: the log holds the details under this request id")
            await error_response(error, request_id)(scope, receive, send_with_headers)


def request_id_of(request: Request) -> str:
    """The id that names a request in the answer, the log and the database."""
    request_id: str = request.scope["request_id"]
    return request_id


def is_load_test(request: Request) -> bool:
    """Whether the caller marks the request as a load test, which drift monitoring must not count."""
    return request.headers.get(LOAD_TEST_HEADER, "").lower() in {"1", "true"}


def error_response(error: ServeError, request_id: str) -> Response:
    """An error as an answer."""
    return Response(encode_error(error, request_id), error.status, headers=error.headers, media_type="application/json")
