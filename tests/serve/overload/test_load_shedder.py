"""Load shedding: a queue that stands is cut, a burst is not."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from serve.errors import Overloaded
from serve.overload.load_shedder import LONG_ROUND_SHARE, SERVED_ROUND_SHARE, WINDOW_S, Decision, LoadShedder
from serve.overload.thread_queue import ThreadQueue

MAX_WAIT_S = 0.2
REQUEST_S = LONG_ROUND_SHARE * MAX_WAIT_S / 12
LONG = 30
"""Requests of a round that takes too long."""
TWICE = [LONG, 2 * LONG, 4 * LONG]
"""Requests of successive rounds, where twice as much comes as can be answered."""
SERVED = math.floor(SERVED_ROUND_SHARE * MAX_WAIT_S / REQUEST_S) + 1
"""Of a round while the queue stands; a request that begins in time is served to its end."""


class Loop:
    """An event loop with a queue, and a clock that goes on only while it serves or pauses."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._shedder = LoadShedder(MAX_WAIT_S, clock=lambda: self.now_s)

    async def refused_in_round(self, requests: int) -> int:
        """How many of the requests that the loop reads in one round are refused; the others take their time."""
        refused = 0
        for _ in range(requests):
            if self._shedder.admit_or_shed() is Decision.SHED:
                refused += 1
            else:
                self.now_s += REQUEST_S
        await asyncio.sleep(0)  # the round is over
        return refused

    async def refused_in(self, rounds: Iterable[int]) -> list[int]:
        """Of each of the rounds."""
        return [await self.refused_in_round(requests) for requests in rounds]

    async def refused_for(self, seconds: float, requests: int) -> list[int]:
        """Of rounds of so many requests each, as long as that."""
        until_s, refused = self.now_s + seconds, []
        while self.now_s < until_s:
            refused.append(await self.refused_in_round(requests))
        return refused


@pytest.fixture
def loop() -> Loop:
    return Loop()


def test_one_long_round_is_a_burst_that_sheds_nobody(loop: Loop) -> None:
    burst = [1000, 1, 1000]
    assert asyncio.run(loop.refused_in(burst)) == [0, 0, 0]


def test_rounds_a_little_too_long_are_borne_for_a_while(loop: Loop) -> None:
    assert sum(asyncio.run(loop.refused_for(MAX_WAIT_S, LONG))) == 0


def test_sustained_overload_is_shed(loop: Loop) -> None:
    assert asyncio.run(loop.refused_for(20 * MAX_WAIT_S, LONG))[-1] == LONG - SERVED


def test_twice_the_maximum_is_shed_from_the_third_round_on(loop: Loop) -> None:
    *before, third, fourth = asyncio.run(loop.refused_in([*TWICE, LONG]))
    assert before == [0, 0]
    assert 0 < third < LONG
    assert fourth == LONG - SERVED


def test_a_burst_after_a_pause_sheds_nobody(loop: Loop) -> None:
    async def refused() -> int:
        await loop.refused_in(TWICE)
        loop.now_s += 2 * LONG_ROUND_SHARE * MAX_WAIT_S
        return await loop.refused_in_round(LONG)

    assert asyncio.run(refused()) == 0


@pytest.mark.parametrize(("requests", "refused"), [(2 * SERVED, SERVED), (SERVED + 1, 0)])
def test_shedding_lasts_as_long_as_many_are_shed(loop: Loop, requests: int, refused: int) -> None:
    """Though a few are refused in short rounds at any load, and one of them is a lull."""

    async def refused_at_last() -> int:
        await loop.refused_in([*TWICE, 1])
        await loop.refused_for(2 * WINDOW_S, requests)
        return await loop.refused_in_round(requests)

    assert asyncio.run(refused_at_last()) == refused


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
