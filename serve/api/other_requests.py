"""Counts the requests that the framework answers: all but those to the scoring routes, which count themselves."""

from __future__ import annotations

import re
import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.metrics import Metrics

OTHER: Final = "other"
_GROUPS: Final = (
    (re.compile(r"/health|/health/.*|/ping|/v2/health/.*|/v2/models/.*/ready"), "health"),
    (re.compile(r"/metrics|/v2/models(/.*)?/stats"), "metrics"),
    (re.compile(r"/model-info|/update-model|/prepare-model/[0-9]+|/version"), "model"),
    (re.compile(r"/v2(/.*)?"), "v2"),
    (re.compile(r"/mlflow(/.*)?"), "mlflow"),
    (re.compile(r"/docs(/.*)?|/openapi\.json"), "docs"),
    (re.compile(r"/|/(login|logout|password|people|keys|notices|reports|history|operate|assets)(/.*)?"), "desk"),
)
"""Groups of addresses: addresses contain callers' text, so counting each would be unbounded."""


def group_of(path: str) -> str:
    """The group of addresses that a decoded path is in."""
    return next((name for pattern, name in _GROUPS if pattern.fullmatch(path)), OTHER)


class CountedRequests:
    """Middleware that counts requests by group and status, and the time until each answer begins."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_at = time.perf_counter()

        async def count(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.other_answered(group_of(scope["path"]), message["status"], time.perf_counter() - began_at)
            await send(message)

        await self._app(scope, receive, count)
