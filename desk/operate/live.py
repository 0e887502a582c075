"""The progress of a request as server-sent events: one at each change, until its end."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Final

import anyio
import msgspec
from starlette.concurrency import run_in_threadpool

from desk.operate.requests import OperatorRequest

LOOK_S: Final = 1.0
STILL_THERE_S: Final = 15.0
"""What is silent for longer, proxies may take for dead."""
LONGEST_S: Final = 1800.0
"""A browser asks again by itself then, and has to show again who it is."""
AT_ONCE: Final = 20
"""Followed at the same time: connections are few, and pages need some. Others load their page again."""


async def events(look: Callable[[], OperatorRequest | None]) -> AsyncIterator[str]:
    """Events of a request; `look` returns its present state, or None if its reader may no longer see it."""
    began = told_at = time.monotonic()
    last: OperatorRequest | None = None
    while time.monotonic() - began < LONGEST_S:
        found = await run_in_threadpool(look)
        if found is None:
            return
        if found != last:
            yield _event("told", found)
            last, told_at = found, time.monotonic()
        elif time.monotonic() - told_at > STILL_THERE_S:
            yield ": still there\n\n"
            told_at = time.monotonic()
        if not found.is_open:
            yield _event("ended", found)
            return
        await anyio.sleep(LOOK_S)


def _event(name: str, request: OperatorRequest) -> str:
    told = msgspec.json.encode({"state": request.state, "output": request.output}).decode()
    return f"event: {name}\ndata: {told}\n\n"
