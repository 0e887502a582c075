"""Load shedding: a queue that stands is cut, a burst is not."""

from __future__ import annotations

import asyncio
import math
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from serve.errors import Overloaded
from serve.load_shedding import LONG_ROUND_SHARE, PATIENCE_S, SERVED_ROUND_SHARE, LoopQueue, ThreadQueue

MAX_WAIT_S = 0.2
LONG_ROUND_S = LONG_ROUND_SHARE * MAX_WAIT_S
REQUESTS = 30
REQUEST_S = LONG_ROUND_S / 12
SERVED = math.floor(SERVED_ROUND_SHARE * MAX_WAIT_S / REQUEST_S) + 1
"""A request that begins in time is served to its end."""


class Loop:
    """An event loop with a queue, and a clock that goes on only while it serves or pauses."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._queue = LoopQueue(MAX_WAIT_S, clock=lambda: self.now_s)

    async def refused_in_a_round(self, requests: int) -> int:
        """How many of the requests that the loop reads in one round are refused; the others take their time."""
        refused = 0
        for _ in range(requests):
            if self._queue.refuses():
                refused += 1
            else:
                self.now_s += REQUEST_S
        await asyncio.sleep(0)  # the round is over
        return refused

    async def rounds(self, requests: int) -> None:
        """Of so many requests each, for longer than it takes to tell what they mean."""
        begun_s = self.now_s
        while self.now_s - begun_s < 1.5 * PATIENCE_S:
            await self.refused_in_a_round(requests)


def test_one_long_round_is_a_burst_and_refuses_nobody() -> None:
    assert asyncio.run(Loop().refused_in_a_round(REQUESTS)) == 0


def test_a_burst_after_a_pause_refuses_nobody() -> None:
    async def burst() -> int:
        loop = Loop()
        await loop.rounds(REQUESTS)
        loop.now_s += 2 * LONG_ROUND_S
        return await loop.refused_in_a_round(REQUESTS)

    assert asyncio.run(burst()) == 0


def test_while_rounds_stay_too_long_each_serves_for_its_time_and_refuses_the_rest() -> None:
    async def overload() -> int:
        loop = Loop()
        await loop.rounds(REQUESTS)
        return await loop.refused_in_a_round(REQUESTS)

    assert asyncio.run(overload()) == REQUESTS - SERVED


def test_one_round_in_time_is_a_lull_and_rounds_in_time_end_the_refusing() -> None:
    async def recovery() -> tuple[int, int]:
        loop = Loop()
        await loop.rounds(REQUESTS)
        await loop.refused_in_a_round(1)
        after_a_lull = await loop.refused_in_a_round(REQUESTS)
        await loop.rounds(1)
        return after_a_lull, await loop.refused_in_a_round(REQUESTS)

    assert asyncio.run(recovery()) == (REQUESTS - SERVED, 0)


def test_a_batch_is_refused_while_the_next_in_turn_has_waited_too_long() -> None:
    async def batches() -> None:
        may_end, waited_too_long = threading.Event(), 2 * MAX_WAIT_S
        with ThreadPoolExecutor(1) as threads, ExitStack() as at_end:
            at_end.callback(may_end.set)
            queue = ThreadQueue(threads, MAX_WAIT_S)
            running = queue.submit(may_end.wait)
            await asyncio.sleep(waited_too_long)
            waiting = queue.submit(may_end.wait)  # one that runs for long is no queue
            await asyncio.sleep(waited_too_long)
            with pytest.raises(Overloaded):
                queue.submit(may_end.wait)
            waiting.cancel()
            await asyncio.sleep(0)
            last = queue.submit(may_end.wait)  # the one that waited is gone
            may_end.set()
            assert await running
            assert await last

    asyncio.run(batches())
