"""`/mlflow/`: the protected way to the MLflow server, which itself listens where only we can reach it.

A request passes when its caller has the role `read` and, if it changes anything, when it comes from this site.
Neither the login nor cookies nor the caller's Host and Origin go on to MLflow.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import unquote, urlsplit

import httpx
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from serve.errors import Forbidden, MalformedBody, UpstreamError

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
PREFIX: Final = "/mlflow"

# RFC 9110, section 7.6.1: what concerns one hop only; and what is between the caller and us.
_NOT_FORWARDED: Final = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer"),
        *("transfer-encoding", "upgrade", "host", "authorization", "cookie", "origin", "referer", "forwarded"),
        "x-api-key",
        *("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"),
    }
)
_NOT_RETURNED: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "server", "date", "set-cookie"})
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
        _refuse_other_sites(request)
        upstream = self._client.build_request(
            request.method,
            self._upstream + _safe_path(request).removeprefix(PREFIX),
            headers=[(name, value) for name, value in request.headers.items() if name not in _NOT_FORWARDED],
            content=None if request.method in SAFE_METHODS else request.stream(),
        )
        try:
            answer = await self._client.send(upstream, stream=True)
        except httpx.HTTPError as error:
            raise UpstreamError(f"MLflow does not answer ({type(error).__name__}): see its log") from error
        headers = {name: value for name, value in answer.headers.items() if name not in _NOT_RETURNED}
        return StreamingResponse(
            _body(answer), answer.status_code, headers=headers, background=BackgroundTask(answer.aclose)
        )


async def _body(answer: httpx.Response) -> AsyncIterator[bytes]:
    async for chunk in answer.aiter_raw():
        yield chunk


def _refuse_other_sites(request: Request) -> None:
    origin = request.headers.get("origin")
    if request.method in SAFE_METHODS or origin is None:
        return
    if urlsplit(origin).netloc != request.headers.get("host"):
        raise Forbidden("a page of another site sent this request: it changes nothing here")


def _safe_path(request: Request) -> str:
    """Path and query as they came, so that encoded characters keep their meaning; without steps upwards."""
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    query: bytes = request.scope["query_string"]
    if not (raw.isascii() and query.isascii()):
        raise MalformedBody("the address has characters that must be percent-encoded")
    path = raw.partition(b"?")[0].decode("ascii")
    decoded = unquote(unquote(path))  # twice: MLflow decodes once more than we do
    if any(part in {"..", "."} for part in decoded.replace("\\", "/").split("/")):
        raise MalformedBody("the path may not contain '.' or '..' steps")
    return path + ("?" + query.decode("ascii") if query else "")
