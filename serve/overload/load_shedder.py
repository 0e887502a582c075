"""Load shedding: under overload some requests are refused early, so that the rest is answered in time.

Where a request waits depends on its size. Small ones wait invisibly until the event loop reads their connection:
`LoadShedder` estimates that queue by the duration of the loop's rounds. Large ones wait for a thread: `ThreadQueue`
knows how long the next of them has waited.

Requests are served in order of arrival, and the newest are refused, by their headers alone, since decoding a body takes
longer than refusing it. A burst is not an overload: as in CoDel (Nichols & Jacobson 2012, RFC 8289) a queue must
persist before anything is refused.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from serve.errors import Overloaded

LONG_ROUND_SHARE: Final = 0.05
"""Maximum duration of a round, as a share of the longest wait of a batch. A small request waits for at most two rounds.
"""
PATIENCE_SHARE: Final = 0.4
"""Tolerated excess of successive rounds, as a share of the same. In a round twice as long, twice as many requests wait
twice as long, so the measure is the root of the sum of squares of the rounds' excess, without the first, which may be a
burst. With the default of 0.2 s, `make soak` reached 0.13 s within six minutes at 70% of the maximum load, and 0.2 s in
three or four rounds at twice the maximum.
"""
SERVED_ROUND_SHARE: Final = 0.015
"""Time for which a round serves during overload, as a share of the same; the rest of the round refuses. With a shorter
time, less input has arrived meanwhile, and more of it is still in the processor's cache when it is read.
"""

WINDOW_S: Final = 0.3
"""Window over which refusals are counted; if they are few, the overload is over."""
MANY_SHED: Final = 0.2
"""Minimum share of refused requests in a window. Rounds this short refuse a few at any load: in `make soak` 6% of
requests at 85% of the maximum load, 12% at 95%, and 25 to 30% at or above the maximum.
"""


class State(Enum):
    """State of the event loop's queue, judged by its last rounds."""

    IDLE = auto()
    """No long waits."""
    SUSPECT = auto()
    """Rounds take too long; the next ones show whether this is a burst."""
    SHEDDING = auto()
    """Overload: the first requests of each round are served, the others are refused."""


class Decision(Enum):
    """The decision about one request."""

    ADMIT = auto()
    SHED = auto()


class LoadShedder:
    """Decides about requests that waited for the event loop. A round is the loop's work between two polls of its
    sockets.
    """

    OVERLOADED: Final = Overloaded("the server is overloaded: send this again after the time in Retry-After")
    """The error of shed requests."""

    def __init__(self, max_wait_s: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._long_round_s = LONG_ROUND_SHARE * max_wait_s
        self._served_round_s = SERVED_ROUND_SHARE * max_wait_s
        self._patience_s2 = (PATIENCE_SHARE * max_wait_s) ** 2
        self.state = State.IDLE
        self._waited_s2 = 0.0
        """While suspect: sum of the squared excess of the last rounds."""
        self._is_in_round = False
        self._began = 0.0
        self._ended = 0.0
        self._window_began = 0.0
        self._admitted = 0
        self._shed = 0

    def admit_or_shed(self) -> Decision:
        """Decide about a request that is being read. Call it on the event loop, once for every request."""
        now = self._clock()
        if not self._is_in_round:
            self._begin_round(now)
        elif self.state is State.SUSPECT and self._waited_s2 + self._excess_s2(now - self._began) > self._patience_s2:
            self._begin_shedding(now)
        if self.state is State.SHEDDING and now - self._began > self._served_round_s:
            self._shed += 1
            return Decision.SHED
        self._admitted += 1
        return Decision.ADMIT

    def _begin_round(self, now: float) -> None:
        self._is_in_round, self._began = True, now
        if now - self._ended > self._long_round_s:
            self.state = State.IDLE  # no request waited meanwhile
        # A callback scheduled now runs after everything read in this round.
        asyncio.get_running_loop().call_soon(self._end_round)

    def _end_round(self) -> None:
        self._is_in_round = False
        self._ended = self._clock()
        excess_s2 = self._excess_s2(self._ended - self._began)
        if self.state is State.SHEDDING:
            if self._ended - self._window_began > WINDOW_S:
                self._judge_window()
        elif excess_s2 == 0.0:
            self.state = State.IDLE
        elif self.state is State.IDLE:
            self.state, self._waited_s2 = State.SUSPECT, 0.0  # the first may be a burst
        else:
            self._waited_s2 += excess_s2

    def _judge_window(self) -> None:
        if self._shed > MANY_SHED * (self._admitted + self._shed):
            self._begin_shedding(self._ended)
        else:
            self.state = State.IDLE

    def _begin_shedding(self, now: float) -> None:
        self.state = State.SHEDDING
        self._window_began, self._admitted, self._shed = now, 0, 0

    def _excess_s2(self, round_s: float) -> float:
        excess_s = max(0.0, round_s - self._long_round_s)
        return excess_s * excess_s
