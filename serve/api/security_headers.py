"""What browsers are told of every answer: to guess no types, to show it in no other site's frame, to keep no scores."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.api.openapi.docs_page import DOCS_PATH

Headers = tuple[tuple[bytes, bytes], ...]

NO_STORE: Final = (b"cache-control", b"no-store")

ONE_YEAR_S: Final = 365 * 24 * 3600
_EVERYWHERE: Final = (("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"))
_ONLY_ENCRYPTED: Final = (("Strict-Transport-Security", f"max-age={ONE_YEAR_S}"),)

_NOTHING: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_MLFLOW: Final = (
    # Its pages make code of text, to draw plots, and styles inside of elements; all of it is served from here.
    "default-src 'self'; script-src 'self' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; frame-src 'self' blob: data:; "
    "connect-src 'self'; object-src 'none'; frame-ancestors 'self'; base-uri 'self'; form-action 'self'"
)
ARTIFACT_POLICY: Final = f"sandbox; {_NOTHING}"
"""A file that a run has written is shown, if at all, without any right."""


def headers_of_every_answer(*, encrypted: bool) -> list[tuple[str, str]]:
    """For uvicorn, which writes them once for all answers."""
    return [*_EVERYWHERE, *(_ONLY_ENCRYPTED if encrypted else ())]


class SecurityHeaders:
    """Middleware for the framework's answers; what an answer says by itself stays."""

    def __init__(self, app: ASGIApp, docs: str) -> None:
        """`docs` is the policy of the page that shows the API."""
        self._app = app
        self._docs = docs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message["headers"])
                named = {name for name, _ in given}
                added = [(name, value) for name, value in self._headers_for(scope["path"]) if name not in named]
                message = {**message, "headers": given + added}
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _headers_for(self, path: str) -> Headers:
        policy = self._docs if path == DOCS_PATH else _MLFLOW if path.startswith("/mlflow") else _NOTHING
        return (b"content-security-policy", policy.encode()), NO_STORE
