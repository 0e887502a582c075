"""Shared code of the reverse proxies: bounded request bodies, streamed answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Final

import httpx
from starlette.requests import Request

from serve.scoring.body_headers import announced_bytes, too_large

TIMEOUT: Final = httpx.Timeout(connect=5.0, read=120.0, write=120.0, pool=5.0)


def client_of_proxy(base_url: str = "", socket: Path | None = None) -> httpx.AsyncClient:
    """A client that keeps no state between requests: one visitor's cookie must never be sent for another.

    With `socket` it connects to that Unix socket, whatever the address says.
    """
    return httpx.AsyncClient(
        transport=None if socket is None else httpx.AsyncHTTPTransport(uds=str(socket)),
        base_url=base_url,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        timeout=TIMEOUT,
        trust_env=False,
        follow_redirects=False,
    )


async def short_body(request: Request, most_bytes: int) -> bytes:
    """A request's body; raises BodyTooLarge as soon as it exceeds the limit, even while it is still arriving."""
    if announced_bytes(request.headers.get("content-length", "")) > most_bytes:
        raise too_large(most_bytes)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most_bytes:
            raise too_large(most_bytes)
    return bytes(body)


async def body_of(answer: httpx.Response, *, only_head: bool) -> AsyncIterator[bytes]:
    """Stream an answer's body, still encoded; empty for a HEAD request."""
    if not only_head:
        async for chunk in answer.aiter_raw():
            yield chunk
