"""What every answer carries: X-Request-ID, X-Model-Version, and errors as JSON. Pure ASGI, for speed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.error_answers import WriteError, as_serve_error, error_form, error_response
from serve.request_names import MODEL_VERSION_HEADER, REQUEST_ID_HEADER, name_request, version_text

_REQUEST_ID_NAME: Final = REQUEST_ID_HEADER.lower().encode()
_MODEL_VERSION_NAME: Final = MODEL_VERSION_HEADER.lower().encode()


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
