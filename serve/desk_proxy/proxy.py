"""Forwards requests for pages to the desk, which checks who is logged in.

The desk listens on a socket in a folder that only our user can read, so it can only be reached through this proxy. The
proxy sets the headers for the client's address and scheme itself, and drops those of the request.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import httpx
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from serve.access.authorization import PAGES
from serve.access.control import AccessControl
from serve.errors import UpstreamError
from serve.forwarding import body_of, client_of_proxy, short_body

MAX_BODY_BYTES: Final = 1024 * 1024
_READ: Final = frozenset({"GET", "HEAD"})
_FORWARDED: Final = frozenset(
    {
        *("accept", "accept-language", "content-type", "cookie", "host", "user-agent"),
        *("origin", "sec-fetch-site", "if-none-match"),
    }
)
_RETURNED: Final = frozenset(
    {
        *("content-type", "content-length", "content-disposition", "content-security-policy", "cache-control"),
        *("location", "set-cookie", "etag", "allow", "retry-after"),
    }
)


class DeskProxy:
    """Forwards pages to the desk."""

    def __init__(self, socket: Path, access: AccessControl) -> None:
        self._access = access
        self._client = client_of_proxy("http://desk", socket)

    def routes(self) -> list[Route]:
        """The routes of the proxy."""
        return [Route(path, self._forward, methods=["GET", "HEAD", "POST"]) for path in PAGES]

    async def close(self) -> None:
        """Close the connections to the desk."""
        await self._client.aclose()

    async def _forward(self, request: Request) -> Response:
        answer = await self._ask(request)
        response = StreamingResponse(
            body_of(answer, only_head=request.method == "HEAD"),
            answer.status_code,
            background=BackgroundTask(answer.aclose),
        )
        response.raw_headers = [(name.lower(), value) for name, value in answer.headers.raw if _returns(name)]
        return response

    async def _ask(self, request: Request) -> httpx.Response:
        """The desk's answer; its body is not read yet."""
        # The raw path, so that encoded characters keep their meaning.
        sent: bytes = request.scope.get("raw_path") or request.url.path.encode()
        target = sent.partition(b"?")[0].decode("latin-1") + (f"?{request.url.query}" if request.url.query else "")
        headers = [(name, value) for name, value in request.headers.items() if name in _FORWARDED]
        client, raw = request.scope.get("client"), request.scope["headers"]
        headers += [
            ("x-forwarded-for", self._access.address_of(client, raw)),
            ("x-forwarded-proto", self._access.scheme_of(client, raw, request.scope["scheme"])),
            ("x-request-id", request.scope["request_id"]),
        ]
        method = "GET" if request.method == "HEAD" else request.method
        content = None if request.method in _READ else await short_body(request, MAX_BODY_BYTES)
        try:
            built = self._client.build_request(method, target, headers=headers, content=content)
            return await self._client.send(built, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UpstreamError(
                f"the desk does not answer ({type(error).__name__}): see the server's log; scoring is not affected"
            ) from error


def _returns(name: bytes) -> bool:
    return name.lower().decode("latin-1") in _RETURNED
