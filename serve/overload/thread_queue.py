"""Load shedding of large requests, which wait for a thread: refused if the next in the queue has waited too long."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from serve.errors import Overloaded

Result = TypeVar("Result")


class ThreadQueue:
    """The queue of requests for a thread. Use it on the event loop."""

    def __init__(self, threads: Executor, max_wait_s: float) -> None:
        self._threads = threads
        self._max_wait_s = max_wait_s
        self._jobs: deque[_Job] = deque()
        self._waits_s: list[float] = []

    def refuse_if_standing(self) -> None:
        """Raises Overloaded if the next request in the queue has waited too long already."""
        while self._jobs and not self._jobs[0].waits:
            self._jobs.popleft()
        if self._jobs and time.perf_counter() - self._jobs[0].entered_at > self._max_wait_s:
            raise Overloaded("the server is overloaded with batches: send this again after the time in Retry-After")

    def take_waits_s(self) -> list[float]:
        """Waiting times of the requests that got a thread since the last call."""
        waits_s, self._waits_s = self._waits_s, []
        return waits_s

    def submit(self, work: Callable[[], Result]) -> asyncio.Future[Result]:
        """Run a request's work in a thread.

        Raises:
            Overloaded: it would wait too long.
        """
        self.refuse_if_standing()
        job = _Job(time.perf_counter())
        self._jobs.append(job)

        def begin() -> Result:
            job.waits = False
            self._waits_s.append(time.perf_counter() - job.entered_at)
            return work()

        future = asyncio.get_running_loop().run_in_executor(self._threads, begin)
        future.add_done_callback(job.is_over)
        return future


class _Job:
    """A request submitted to the threads."""

    __slots__ = ("entered_at", "waits")

    def __init__(self, entered_at: float) -> None:
        self.entered_at = entered_at
        self.waits = True

    def is_over(self, _: object) -> None:
        """Whether it has ended, or was cancelled before it began."""
        self.waits = False
