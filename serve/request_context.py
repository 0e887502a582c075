"""What every answer carries: X-Request-ID, X-Model-Version, and errors as JSON. Pure ASGI, for speed."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fraud.errors import ProjectError, RegistryError
from serve.encoding import encode_error
from serve.errors import MalformedHeader, ServeError, UpstreamError
from serve.random_tokens import RandomTokens

logger = logging.getLogger(__name__)

REQUEST_ID_HEADER: Final = "X-Request-ID"
MODEL_VERSION_HEADER: Final = "X-Model-Version"
LOAD_TEST_HEADER: Final = "X-Load-Test"

REQUEST_ID_BYTES: Final = 16
"""Of a name that we give."""
_NEW_NAMES: Final = RandomTokens(REQUEST_ID_BYTES)

_REQUEST_ID_NAME: Final = REQUEST_ID_HEADER.lower().encode()
_MODEL_VERSION_NAME: Final = MODEL_VERSION_HEADER.lower().encode()

NAME: Final = r"[A-Za-z0-9._:-]{1,128}"
"""What a client may call something: it can break neither a log's line nor a header."""
_NAME: Final = re.compile(NAME)

Endpoint = Callable[[Request], Awaitable[Response]]
WriteError = Callable[[ServeError, str], bytes]
"""An error and the request's id -> the JSON body that tells of it."""


class RequestContext:
    """Middleware that names every request and puts the two headers on every answer."""

    def __init__(
        self, app: ASGIApp, model_version: Callable[[], int | None], error_forms: Mapping[str, WriteError]
    ) -> None:
        """`error_forms`: as `error_form` takes them."""
        self._app = app
        self._model_version = model_version
        self._error_forms = error_forms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value.decode("latin-1") for name, value in scope["headers"] if name == _REQUEST_ID_NAME), None)
        request_id, fault = name_request(given)
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
                    headers.append((_MODEL_VERSION_NAME, version_text(self._model_version()).encode()))
                message = {**message, "headers": headers}
            await send(message)

        write = error_form(scope["path"], self._error_forms)
        if fault is not None:
            await error_response(fault, request_id, write)(scope, receive, send_with_headers)
            return
        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            served = as_serve_error(error, request_id)
            if started:
                raise
            await error_response(served, request_id, write)(scope, receive, send_with_headers)


def error_form(path: str, forms: Mapping[str, WriteError]) -> WriteError:
    """How errors are written at an address, by its first part; in our own form where none is given for it."""
    return forms.get(path.removeprefix("/").partition("/")[0], encode_error)


def name_request(given: str | None) -> tuple[str, ServeError | None]:
    """The name of a request: the one that its caller gave, or a new one; and what is wrong with a given one."""
    if given is not None and _NAME.fullmatch(given):
        return given, None
    fault = None if given is None else malformed_name(REQUEST_ID_HEADER)
    return _NEW_NAMES.next().hex(), fault


def malformed_name(header: str) -> MalformedHeader:
    """The fault of a header that is not a `NAME`."""
    return MalformedHeader(f"{header}: expected 1 to 128 letters, digits or . _ : -")


def version_text(version: int | None) -> str:
    """The value of X-Model-Version."""
    return "none" if version is None else str(version)


def request_id_of(request: Request) -> str:
    """The id that names a request in the answer, the log and the database."""
    request_id: str = request.scope["request_id"]
    return request_id


def as_serve_error(error: Exception, request_id: str) -> ServeError:
    """What the client may know of an error; the log gets the rest, under the request's id.

    Refused requests are counted (`/metrics`), not logged; refused logins are, by `access.control`.
    """
    about = {"request_id": request_id}
    if isinstance(error, ServeError):
        return error
    if isinstance(error, ProjectError):
        logger.error("failed: %s", error, extra=about)
        return UpstreamError(str(error)) if isinstance(error, RegistryError) else ServeError(str(error))
    logger.error("failed by an exception that nobody expected", exc_info=error, extra=about)
    return ServeError("internal error: the log holds the details under this request id")


def error_response(error: ServeError, request_id: str, write: WriteError = encode_error) -> Response:
    """An error as an answer."""
    return Response(write(error, request_id), error.status, headers=error.headers, media_type="application/json")


def telling_errors(endpoint: Endpoint, write: WriteError) -> Endpoint:
    """The endpoint, whose errors become answers in a protocol's own form."""

    async def telling(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ServeError as error:
            return error_response(error, request_id_of(request), write)

    return telling
