"""`/mlflow/`: the protected way to the MLflow server, which itself listens where only we can reach it.

`mlflow_calls` says what passes, and `access` who may send it. Of a request only its content goes on to MLflow: neither
logins nor cookies nor what names the caller's site.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import httpx
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from serve.access.middleware import caller_of
from serve.api.security_headers import ARTIFACT_POLICY
from serve.errors import MalformedBody, UpstreamError
from serve.mlflow_proxy.allowed_calls import READ_METHODS, check_names_of_files, is_artifact, role_of_call
from serve.scoring.body_headers import announced_bytes, too_large

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
PREFIX: Final = "/mlflow"
MAX_BODY_BYTES: Final = 1024 * 1024
"""Searches and descriptions are short."""

_FORWARDED: Final = frozenset(
    {
        *("accept", "accept-encoding", "accept-language", "content-type", "user-agent"),
        *("if-modified-since", "if-none-match", "range"),
    }
)
# RFC 9110, section 7.6.1: what concerns one hop only; and what we say ourselves.
_NOT_RETURNED: Final = frozenset(
    {
        *("connection", "keep-alive", "transfer-encoding", "server", "date", "set-cookie", "x-frame-options"),
        *("x-content-type-options", "referrer-policy", "content-security-policy"),
    }
)
_NOT_RETURNED_PREFIX: Final = "access-control-"
_TIMEOUT: Final = httpx.Timeout(connect=5.0, read=120.0, write=120.0, pool=5.0)


class MlflowProxy:
    """Forwards `/mlflow/...` to the tracking server, streaming both ways."""

    def __init__(self, tracking_uri: str) -> None:
        self._upstream = tracking_uri.rstrip("/")
        self._client = httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False, follow_redirects=False)

    def routes(self) -> list[Route]:
        """The routes to mount."""
        return [
            Route(PREFIX, self._to_folder, methods=["GET"]),
            Route(PREFIX + "/{path:path}", self._forward, methods=list(METHODS)),
        ]

    async def close(self) -> None:
        """Close the connections to MLflow."""
        await self._client.aclose()

    async def _to_folder(self, request: Request) -> Response:
        return RedirectResponse(PREFIX + "/")

    async def _forward(self, request: Request) -> Response:
        path, query = _address(request)
        check_names_of_files(path, query)
        caller_of(request).require(role_of_call(request.method, path))
        upstream = self._client.build_request(
            request.method,
            self._upstream + path + (f"?{query}" if query else ""),
            headers=[(name, value) for name, value in request.headers.items() if name in _FORWARDED],
            content=None if request.method in READ_METHODS else await _short_body(request),
        )
        try:
            answer = await self._client.send(upstream, stream=True)
        except httpx.HTTPError as error:
            raise UpstreamError(f"MLflow does not answer ({type(error).__name__}): see its log") from error
        headers = _returned(answer.headers)
        if is_artifact(path):
            headers["content-security-policy"] = ARTIFACT_POLICY
        return StreamingResponse(
            _body(answer), answer.status_code, headers=headers, background=BackgroundTask(answer.aclose)
        )


def _returned(headers: httpx.Headers) -> dict[str, str]:
    return {
        name: value
        for name, value in headers.items()
        if name not in _NOT_RETURNED and not name.startswith(_NOT_RETURNED_PREFIX)
    }


async def _short_body(request: Request) -> bytes:
    if announced_bytes(request.headers.get("content-length", "")) > MAX_BODY_BYTES:
        raise too_large(MAX_BODY_BYTES)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise too_large(MAX_BODY_BYTES)
    return bytes(body)


async def _body(answer: httpx.Response) -> AsyncIterator[bytes]:
    async for chunk in answer.aiter_raw():
        yield chunk


def _address(request: Request) -> tuple[str, str]:
    """Path below the prefix and query as they came, so that encoded characters keep their meaning."""
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    query: bytes = request.scope["query_string"]
    if not (raw.isascii() and query.isascii()):
        raise MalformedBody("the address has characters that must be percent-encoded")
    path = raw.partition(b"?")[0].decode("ascii")
    if not path.startswith(PREFIX + "/"):
        raise MalformedBody(f"the address must begin with {PREFIX}/ as it stands, not percent-encoded")
    return path.removeprefix(PREFIX), query.decode("ascii")
