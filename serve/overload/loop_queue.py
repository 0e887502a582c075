"""Load shedding: where more comes than can be answered, some is refused early, so that the rest is answered in time.

Where a request waits depends on its size. Small ones wait until the event loop comes to their connection, where nobody
sees them: `LoopQueue` takes the length of the loop's rounds for the length of that queue. Large ones wait for a thread:
`ThreadQueue` knows how long the next of them has waited.

Requests are served in the order of their coming and the newest are refused, by their headers: decoding a body takes
longer than refusing it. A burst is no overload: as in CoDel (Nichols & Jacobson 2012, RFC 8289) a queue has to stand
for a while before anything is refused.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
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
MANY_REFUSED: Final = 0.2
"""Of the requests in a window. Rounds as short as this refuse a few at any load: of `make soak`'s requests 6% at 85% of
the maximum, 12% at 95%, and 25 to 30% from the maximum on.
"""

LOOP_STANDS: Final = Overloaded(
    "more requests come than can be answered: send this again after the time in Retry-After"
)
"""What a request is told that `LoopQueue` refuses."""


class LoopQueue:
    """Requests that the event loop has not come to. A round is what it does between two looks at its sockets."""

    def __init__(self, max_wait_s: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._long_round_s = LONG_ROUND_SHARE * max_wait_s
        self._served_round_s = SERVED_ROUND_SHARE * max_wait_s
        self.stands = False
        """Whether some of what is read in this round may have to be refused."""
        self._in_round = False
        self._began = 0.0
        self._ended = 0.0
        self._patience_s2 = (PATIENCE_SHARE * max_wait_s) ** 2
        self._waited_s2: float | None = None
        """Sum of the squares of what the last rounds took too long; None since one took no more than it may."""
        self._window_began = 0.0
        self._served = 0
        self._refused = 0

    def refuses(self) -> bool:
        """Whether a request that is read just now is refused. Call it on the event loop, once for every request."""
        refuses = self._is_late_in_round()
        if refuses:
            self._refused += 1
        else:
            self._served += 1
        return refuses

    def _is_late_in_round(self) -> bool:
        now = self._clock()
        if not self._in_round:
            self._in_round, self._began = True, now
            if now - self._ended > self._long_round_s:
                self.stands, self._waited_s2 = False, None  # nobody waited meanwhile
            # Of all that is read in this round, nothing comes after what is called soon.
            asyncio.get_running_loop().call_soon(self._end_round)
            return False
        round_s = now - self._began
        if self._waited_s2 is not None and self._waited_s2 + self._too_long_s2(round_s) > self._patience_s2:
            self.stands, self._waited_s2 = True, None
            self._begin_window(now)
        return self.stands and round_s > self._served_round_s

    def _end_round(self) -> None:
        self._in_round = False
        self._ended = self._clock()
        if self.stands:
            if self._ended - self._window_began > WINDOW_S:
                self.stands = self._refused > MANY_REFUSED * (self._served + self._refused)
                self._begin_window(self._ended)
        elif (too_long_s2 := self._too_long_s2(self._ended - self._began)) == 0.0:
            self._waited_s2 = None
        elif self._waited_s2 is None:
            self._waited_s2 = 0.0  # what follows shows whether this was a burst
        else:
            self._waited_s2 += too_long_s2

    def _too_long_s2(self, round_s: float) -> float:
        too_long_s = max(0.0, round_s - self._long_round_s)
        return too_long_s * too_long_s

    def _begin_window(self, now: float) -> None:
        self._window_began, self._served, self._refused = now, 0, 0
