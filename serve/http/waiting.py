"""What a connection waits for, since when, and when it has waited for too long."""

from __future__ import annotations

from enum import Enum, auto

from serve.http.open_connections import LINGER_S, OpenConnections


class WaitsFor(Enum):
    """What has to happen next on a connection."""

    REQUEST = auto()
    """The client owes the rest of a request that it has begun, or its first one."""
    ANSWER = auto()
    """We owe one."""
    NEXT = auto()
    """Nobody owes anything: the client may send another request."""
    CLOSE = auto()
    """The client has time to read the last answer and to close."""


class Waiting:
    """The wait of one connection. Times are those of the event loop, seconds."""

    __slots__ = ("_limits", "received_bytes", "since", "what")

    def __init__(self, limits: OpenConnections, now: float) -> None:
        self._limits = limits
        self.what = WaitsFor.REQUEST
        self.since = now
        self.received_bytes = 0
        """Of the request that is coming, or of what is dropped."""

    def begin(self, what: WaitsFor, now: float) -> None:
        """Wait for that from now on."""
        self.what, self.since = what, now

    def end_of_answers(self, now: float) -> None:
        """All that has come is answered; a request of which the end has not come is still owed."""
        if self.what is WaitsFor.ANSWER:
            self.begin(WaitsFor.NEXT, now)

    def is_too_long(self, now: float, *, is_reading: bool) -> bool:
        """Whether what it waits for should have happened; a client owes nothing while nothing of it is read."""
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
