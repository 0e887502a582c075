"""`/docs`: the page to try the API in the browser, with an API key typed in.

The server itself serves all its files, so that it works offline, and no third party can change the code that reads the
keys.
"""

from __future__ import annotations

import html
from importlib.resources import files
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

DOCS_PATH: Final = "/docs"
FOLDER: Final = files("serve.api.openapi.swagger_ui")

_VERSION: Final = "5.35.0"
"""Version in the addresses, so that a browser never mixes cached files with a later page."""
_LIBRARY: Final = "swagger-ui-bundle.js"
_STYLE: Final = "swagger-ui.css"
_START: Final = "start.js"
_MEDIA_TYPES: Final = {_LIBRARY: "text/javascript", _STYLE: "text/css", _START: "text/javascript"}
_KEEP: Final = {"Cache-Control": "public, max-age=86400"}

FILE_PATHS: Final = {f"{DOCS_PATH}/{_VERSION}/{name}": name for name in _MEDIA_TYPES}
"""Address of a file that the page loads -> its name."""

DOCS_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""The page's content security policy: scripts, styles and requests from and to this server only."""


def docs_page(title: str) -> str:
    """The page."""
    addresses = {name: path for path, name in FILE_PATHS.items()}
    template = (FOLDER / "page.html").read_text(encoding="utf-8")
    return template.format(
        title=html.escape(title), library=addresses[_LIBRARY], style=addresses[_STYLE], start=addresses[_START]
    )


def docs_routes(title: str) -> list[Route]:
    """The page and its files."""
    page = docs_page(title)

    async def answer_page(_request: Request) -> Response:
        return HTMLResponse(page)

    async def answer_file(request: Request) -> Response:
        name = FILE_PATHS[request.url.path]
        return Response((FOLDER / name).read_bytes(), media_type=_MEDIA_TYPES[name], headers=_KEEP)

    return [
        Route(DOCS_PATH, answer_page, methods=["GET"]),
        *(Route(path, answer_file, methods=["GET"]) for path in FILE_PATHS),
    ]
