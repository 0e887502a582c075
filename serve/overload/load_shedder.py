"""Load shedding: where more comes than can be answered, some is refused early, so that the rest is answered in time.

Where a request waits depends on its size. Small ones wait until the event loop comes to their connection, where nobody
sees them: `LoadShedder` takes the length of the loop's rounds for the length of that queue. Large ones wait for a
thread: `ThreadQueue` knows how long the next of them has waited.

Requests are served in the order of their coming and the newest are refused, by their headers: decoding a body takes
longer than refusing it. A burst is no overload: as in CoDel (Nichols & Jacobson 2012, RFC 8289) a queue has to stand
for a while before anything is refused.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from serve.errors import Overloaded

LONG_ROUND_SHARE: Final = 0.05
"""Of the longest wait of a batch: what a round may take. A small request waits for two rounds at most."""
PATIENCE_SHARE: Final = 0.4
"""Of it: what the requests of successive rounds may wait together beyond that. In a round twice as long twice as many
wait, for twice as long: what counts is the root of the sum of squares of what rounds took too long, but for the first,
which may be a burst. Of 0.2 s by default, `make soak`'s requests came to 0.13 s within six minutes at 70% of the
maximum, and at twice the maximum to 0.2 s in three or four rounds.
"""
SERVED_ROUND_SHARE: Final = 0.015
"""Of it: how long a round serves while the queue stands; the rest of the round refuses. The shorter, the less has come
meanwhile, and the more of it is still in the processor's cache when it is read.
"""

WINDOW_S: Final = 0.3
"""Time over which refusals are counted, which must be many, or the queue stands no longer."""
MANY_SHED: Final = 0.2
"""Of the requests in a window. Rounds as short as this refuse a few at any load: of `make soak`'s requests 6% at 85% of
the maximum, 12% at 95%, and 25 to 30% from the maximum on.
"""


class State(Enum):
    """What the last rounds of the event loop say of its queue."""

    IDLE = auto()
    """Nobody has waited for long."""
    SUSPECT = auto()
    """Rounds take too long: what follows shows whether this is a burst."""
    SHEDDING = auto()
    """The queue stands: the first of each round are served, the others are refused."""


class Decision(Enum):
    """What becomes of one request."""

    ADMIT = auto()
    SHED = auto()


class LoadShedder:
    """Decides on requests that waited for the event loop. A round is what it does between two looks at its sockets."""

    OVERLOADED: Final = Overloaded(
        "more requests come than can be answered: send this again after the time in Retry-After"
    )
    """What a request is told that is shed."""

    def __init__(self, max_wait_s: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._long_round_s = LONG_ROUND_SHARE * max_wait_s
        self._served_round_s = SERVED_ROUND_SHARE * max_wait_s
        self._patience_s2 = (PATIENCE_SHARE * max_wait_s) ** 2
        self.state = State.IDLE
        self._waited_s2 = 0.0
        """While suspect: the sum of the squares of what the last rounds took too long."""
        self._is_in_round = False
        self._began = 0.0
        self._ended = 0.0
        self._window_began = 0.0
        self._admitted = 0
        self._shed = 0

    def admit_or_shed(self) -> Decision:
        """Decide on a request that is read just now. Call it on the event loop, once for every request."""
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
            self.state = State.IDLE  # nobody waited meanwhile
        # Of all that is read in this round, nothing comes after what is called soon.
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
