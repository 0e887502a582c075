"""Files that pages load, under addresses that change with the content."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fraud.report.style import STYLE

_FOR_EVER: Final = "public, max-age=31536000, immutable"


def _address(name: str, content: bytes) -> str:
    stem, _, kind = name.rpartition(".")
    return f"/assets/{stem}-{hashlib.sha256(content).hexdigest()[:16]}.{kind}"


_STYLE: Final = STYLE.encode()
_LIVE: Final = Path(__file__).with_name("live.js").read_bytes()
STYLE_URL: Final = _address("style.css", _STYLE)
LIVE_URL: Final = _address("live.js", _LIVE)
"""Follows what runs; the page that asks for it does without as well."""


def asset_routes() -> list[Route]:
    """Their routes."""
    return [_route(STYLE_URL, _STYLE, "text/css"), _route(LIVE_URL, _LIVE, "text/javascript")]


def _route(address: str, content: bytes, media_type: str) -> Route:
    async def answer(_request: Request) -> Response:
        return Response(content, media_type=media_type, headers={"Cache-Control": _FOR_EVER})

    return Route(address, answer, methods=["GET"])
