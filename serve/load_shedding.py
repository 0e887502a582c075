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
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final, TypeVar

from serve.errors import Overloaded

PATIENCE_S: Final = 0.3
"""Time for which rounds have to be too long without a break, and short enough again: CoDel's interval. Longer than
CoDel's 0.1 s, as a few large batches that come together take the core for as long."""
LONG_ROUND_SHARE: Final = 0.05
"""Of the longest wait of a batch: what a round may take. A small request waits two of them at most, a tenth of it."""
SERVED_ROUND_SHARE: Final = 0.015
"""Of it: how long a round serves while the queue stands; the rest of the round refuses. The shorter, the less has come
meanwhile, and the more of it is still in the processor's cache when it is read.
"""

LOOP_STANDS: Final = Overloaded(
    "more requests come than can be answered: send this again after the time in Retry-After"
)
"""What a request is told that `LoopQueue` refuses."""

Result = TypeVar("Result")


class LoopQueue:
    """Requests that the event loop has not come to. A round is what it does between two looks at its sockets."""

    def __init__(self, max_wait_s: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._long_round_s = LONG_ROUND_SHARE * max_wait_s
        self._served_round_s = SERVED_ROUND_SHARE * max_wait_s
        self._in_round = False
        self._began = 0.0
        self._ended = 0.0
        self.stands = False
        """Whether some of what is read in this round may have to be refused."""
        self._otherwise_since: float | None = None
        """When the first of the rounds began that, without a break, spoke against what `stands` says."""

    def refuses(self) -> bool:
        """Whether what is read just now is to be refused. Call it on the event loop, for every request."""
        now = self._clock()
        if not self._in_round:
            self._in_round, self._began = True, now
            if now - self._ended > self._long_round_s:
                self.stands, self._otherwise_since = False, None  # nobody waited meanwhile
            # Of all that is read in this round, nothing comes after what is called soon.
            asyncio.get_running_loop().call_soon(self._end_round)
            return False
        return self.stands and now - self._began > self._served_round_s

    def _end_round(self) -> None:
        self._in_round = False
        self._ended = self._clock()
        # A round that could not serve all in the time for serving shows that the queue still stands.
        was_long = self._ended - self._began > (self._served_round_s if self.stands else self._long_round_s)
        if was_long is self.stands:
            self._otherwise_since = None
        elif self._otherwise_since is None:
            self._otherwise_since = self._began
        elif self._ended - self._otherwise_since > PATIENCE_S:
            self.stands, self._otherwise_since = was_long, None


class ThreadQueue:
    """Requests that wait for a thread. Use it on the event loop."""

    def __init__(self, threads: Executor, max_wait_s: float) -> None:
        self._threads = threads
        self._max_wait_s = max_wait_s
        self._jobs: deque[_Job] = deque()

    def refuse_if_standing(self) -> None:
        """Raises Overloaded where the request whose turn is next has waited too long already."""
        while self._jobs and not self._jobs[0].waits:
            self._jobs.popleft()
        if self._jobs and time.perf_counter() - self._jobs[0].entered_at > self._max_wait_s:
            raise Overloaded("more batches come than can be scored: send this again after the time in Retry-After")

    def submit(self, work: Callable[[], Result]) -> asyncio.Future[Result]:
        """Do a request's work in a thread.

        Raises:
            Overloaded: it would wait too long.
        """
        self.refuse_if_standing()
        job = _Job(time.perf_counter())
        self._jobs.append(job)

        def begin() -> Result:
            job.waits = False
            return work()

        future = asyncio.get_running_loop().run_in_executor(self._threads, begin)
        future.add_done_callback(job.is_over)
        return future


class _Job:
    """A request that was given to the threads."""

    __slots__ = ("entered_at", "waits")

    def __init__(self, entered_at: float) -> None:
        self.entered_at = entered_at
        self.waits = True

    def is_over(self, _: object) -> None:
        """It has ended, or was called off before it began."""
        self.waits = False
