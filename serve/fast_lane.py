"""What connections need to answer scoring requests by themselves (`scoring_protocol`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from serve.access.control import AccessControl
from serve.load_shedding import LoopQueue
from serve.scoring import Scoring
from serve.scoring_call import ScoringRoute
from serve.security_headers import NO_STORE


class FastLane:
    """What the protocol answers by itself, and with what; one for all connections."""

    def __init__(
        self,
        scoring: Scoring,
        routes: Iterable[ScoringRoute],
        access: AccessControl,
        model_version: Callable[[], int | None],
        queue: LoopQueue,
    ) -> None:
        self.scoring = scoring
        self.access = access
        self.routes = {route.path.encode(): route for route in routes}
        self.model_version = model_version
        self.queue = queue
        self._headers: list[tuple[bytes, bytes]] = []
        self._lines = b""

    def default_headers(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """The headers that every answer has, as they are sent; uvicorn makes a new list of its own each second."""
        if headers is not self._headers:
            self._headers = headers
            self._lines = b"".join(b"%b: %b\r\n" % header for header in (*headers, NO_STORE))
        return self._lines
