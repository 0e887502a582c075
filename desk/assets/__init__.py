"""What pages fetch beside themselves, under addresses that change with the content."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_FOR_EVER: Final = "public, max-age=31536000, immutable"


def _content(name: str) -> bytes:
    return Path(__file__).with_name(name).read_bytes()


def _address(name: str) -> str:
    stem, _, kind = name.rpartition(".")
    return f"/assets/{stem}-{hashlib.sha256(_content(name)).hexdigest()[:16]}.{kind}"


STYLE_URL: Final = _address("style.css")
LIVE_URL: Final = _address("live.js")
"""Follows what runs; the page that asks for it does without as well."""


def asset_routes() -> list[Route]:
    """Their routes."""
    return [_route(STYLE_URL, "style.css", "text/css"), _route(LIVE_URL, "live.js", "text/javascript")]


def _route(address: str, name: str, media_type: str) -> Route:
    content = _content(name)

    async def answer(_request: Request) -> Response:
        return Response(content, media_type=media_type, headers={"Cache-Control": _FOR_EVER})

    return Route(address, answer, methods=["GET"])
