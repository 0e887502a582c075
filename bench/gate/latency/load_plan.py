"""Messages to and from a load process: requests, windows and raw samples, as JSON."""

from __future__ import annotations

from typing import Final

import msgspec


class RequestKind(msgspec.Struct, frozen=True):
    """One kind of request in the mix."""

    name: str
    rows: int
    requests_per_s: float
    users: int
    """Connections that share the rate: a stalled answer delays only its own connection's next request."""


REQUEST_KINDS: Final = (
    RequestKind("single", rows=1, requests_per_s=100.0, users=4),
    RequestKind("batch_100", rows=100, requests_per_s=40.0, users=2),
    RequestKind("batch_1000", rows=1_000, requests_per_s=20.0, users=2),
    RequestKind("batch_10000", rows=10_000, requests_per_s=6.0, users=2),
)
"""The mix: well under half of what one core answers, so that what is measured is the server and not a queue."""


class WindowPlan(msgspec.Struct, frozen=True):
    """A stretch of time in which one server gets the whole mix."""

    url: str
    start_s: float
    """On the machine's monotonic clock, which all its processes share."""
    duration_s: float


class LoadPlan(msgspec.Struct, frozen=True):
    """Windows one after the other."""

    windows: tuple[WindowPlan, ...]
    kinds: tuple[RequestKind, ...]
    api_key: str


class KindSamples(msgspec.Struct):
    """What became of one kind of request in one window."""

    planned: int
    latencies_us: list[float]
    """Of every request sent, from its *intended* start to the last byte of its answer, microseconds."""
    errors: list[str]


class WindowSamples(msgspec.Struct):
    """What one window gave, by the name of the request kind."""

    kinds: dict[str, KindSamples]
    is_late: bool = False
    """The load process was not ready when the window was to start."""
