"""State of a connection's wait: for what, since when, and its time limit."""

from __future__ import annotations

from enum import Enum, auto

from serve.http.open_connections import LINGER_S, OpenConnections


class WaitsFor(Enum):
    """What must happen next on a connection."""

    REQUEST = auto()
    """The client must send the rest of a request, or its first one."""
    ANSWER = auto()
    """The server must send an answer."""
    NEXT = auto()
    """Keep-alive: the client may send another request."""
    CLOSE = auto()
    """Lingering close: the client has time to read the last answer and to close."""


class Waiting:
    """The wait of one connection. Times are those of the event loop, seconds."""

    __slots__ = ("_limits", "received_bytes", "since", "what")

    def __init__(self, limits: OpenConnections, now: float) -> None:
        self._limits = limits
        self.what = WaitsFor.REQUEST
        self.since = now
        self.received_bytes = 0
        """Bytes received of the current request, or dropped."""

    def begin(self, what: WaitsFor, now: float) -> None:
        """Begin to wait for it now."""
        self.what, self.since = what, now

    def end_of_answers(self, now: float) -> None:
        """All complete requests are answered; an incomplete one is still awaited."""
        if self.what is WaitsFor.ANSWER:
            self.begin(WaitsFor.NEXT, now)

    def is_too_long(self, now: float, *, is_reading: bool) -> bool:
        """Whether the time limit is exceeded; a client is not timed while reading is paused."""
        waited_s = now - self.since
        match self.what:
            case WaitsFor.REQUEST:
                return is_reading and waited_s > self._limits.granted_s(self.received_bytes)
            case WaitsFor.ANSWER:
                return False
            case WaitsFor.NEXT:
                return waited_s > self._limits.keep_alive_s
            case WaitsFor.CLOSE:
                return waited_s > LINGER_S
