"""What pages fetch beside themselves, under addresses that change with the content."""

from __future__ import annotations

import hashlib
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fraud.report.style import STYLE

_STYLE: Final = STYLE.encode()
STYLE_URL: Final = f"/assets/style-{hashlib.sha256(_STYLE).hexdigest()[:16]}.css"
_FOR_EVER: Final = "public, max-age=31536000, immutable"


async def _style(_request: Request) -> Response:
    return Response(_STYLE, media_type="text/css", headers={"Cache-Control": _FOR_EVER})


def asset_routes() -> list[Route]:
    """Their routes."""
    return [Route(STYLE_URL, _style, methods=["GET"])]
