"""Processes that score parts in parallel. They end with their parent, however it ends."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from itertools import islice
from typing import Final

from fraud.stack.child import end_with_parent
from serve.batch.errors import BatchError
from serve.batch.parts import Part
from serve.batch.run_lock import RunLock
from serve.batch.worker import Scored, Worker

AHEAD: Final = 2
"""Parts queued for each process: enough to keep it busy, few enough that blocks of a compressed file take little
memory.
"""

MakeWorker = Callable[[], Worker]

_workers: list[Worker] = []
"""The worker of this process, once started."""


def score_all(parts: Iterable[Part], make: MakeWorker, processes: int, lock: RunLock) -> Iterator[Scored]:
    """Score all parts, in any order, in `processes` processes, which share the run's lock; a single one is this
    process.

    Raises:
        BatchError: a process was killed, or a part can't be scored.
    """
    if processes == 1:
        with closing(make()) as worker:
            yield from map(worker.score, parts)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _begin, (make, os.getpid(), lock)) as pool:
        try:
            yield from _in_turn(pool, iter(parts), processes * AHEAD)
        except BrokenProcessPool:
            raise BatchError(
                "a scoring process was killed, perhaps out of memory: run the same command again to resume, with fewer "
                "--workers if memory is short"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _in_turn(pool: ProcessPoolExecutor, parts: Iterator[Part], ahead: int) -> Iterator[Scored]:
    waiting: set[Future[Scored]] = {pool.submit(_score, part) for part in islice(parts, ahead)}
    while waiting:
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            yield future.result()
        waiting |= {pool.submit(_score, part) for part in islice(parts, len(done))}


def _begin(make: MakeWorker, parent: int, _lock: RunLock) -> None:
    end_with_parent(signal.SIGKILL)
    if os.getppid() != parent:  # the parent ended before this check
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    worker = make()
    _workers.append(worker)
    atexit.register(worker.close)


def _score(part: Part) -> Scored:
    return _workers[0].score(part)
