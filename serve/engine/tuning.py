"""Measures which kernel is fastest for which number of rows, within a budget of time.

Contenders take turns, so that a disturbance affects all of them, and never see the same rows twice in succession:
repeated rows make branching code look up to three times faster (branch prediction). Lower quartiles decide: other work
on the machine only adds time, and a saved plan should not depend on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Final

import numpy as np

from serve.engine.cover import WALK, BlockCosts
from serve.engine.engine import Kernel, Matrix, Probabilities, score_shared, scoring_pool
from serve.engine.forest_kernel import ForestKernel
from serve.engine.plan import LARGEST_ROWS, BatchClass, Contender
from serve.engine.sample_rows import ordinary_rows

MEASURED_ROWS: Final = (1, 8, 100, 1_000, 32_768)
"""A typical batch of each class; in the last one large enough that waking a thread is negligible."""

POOL_ROWS: Final = 65_536

WALKED_ROWS: Final = 8
"""Rows on which walking is measured; it is chosen for about this many."""

HOPELESS: Final = 3.0
"""A contender slower than the best by this factor in its first two calls is not measured again. One slower by this
factor times the number of threads is not tried on the largest batches, where a single call could take the whole budget.
"""

THREADS_HANDICAP: Final = 1.1
"""Minimum gain of more than one thread, since other requests need the cores too."""

LEAST_ROUNDS: Final = 3
MOST_ROUNDS: Final = 300

BLOCKS_SHARE: Final = 0.15
"""Share of the budget for the costs of blocks; the rest is shared evenly by the classes."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """The classes' choices, and the costs that the forest kernel adopted."""

    classes: tuple[BatchClass, ...]
    blocks: BlockCosts | None


Run = Callable[[Matrix, Probabilities], None]


class Tuner:
    """Measures kernels on fresh rows, within `budget_s` seconds in total."""

    def __init__(self, threads: int, budget_s: float) -> None:
        self._threads = _thread_counts(threads)
        self._pool = scoring_pool(threads)
        self._budget_s = budget_s
        self._generator = np.random.default_rng()
        self._rows = ordinary_rows(POOL_ROWS, self._generator)
        self._out = np.empty(POOL_ROWS, dtype=np.float32)

    def measure(self, kernels: Sequence[Kernel]) -> Measurement:
        """Measure a forest kernel's block costs, then choose a kernel for each class of batch sizes."""
        forest = next((kernel for kernel in kernels if isinstance(kernel, ForestKernel)), None)
        blocks = None
        if forest is not None:
            blocks = self._blocks(forest)
            forest.adopt(blocks)
        budget_s = self._budget_s * (1 - BLOCKS_SHARE) / len(LARGEST_ROWS)
        classes: list[BatchClass] = []
        try:
            for largest, rows in zip(LARGEST_ROWS, MEASURED_ROWS, strict=True):
                hopeless = self._hopeless(classes[-1]) if largest is None else set()
                able = [kernel for kernel in kernels if kernel.name not in hopeless]
                classes.append(self._choose(able, largest, rows, budget_s))
        finally:
            if self._pool is not None:
                self._pool.shutdown()
        return Measurement(tuple(classes), blocks)

    def _hopeless(self, smaller: BatchClass) -> set[str]:
        """Kernels that are too slow even with all threads, by the times of smaller batches."""
        best = min(contender.us_per_row for contender in smaller.contenders)
        alone = [contender for contender in smaller.contenders if contender.threads == 1]
        return {found.kernel for found in alone if found.us_per_row > HOPELESS * self._threads[-1] * best}

    def _blocks(self, forest: ForestKernel) -> BlockCosts:
        ways = forest.ways
        rows = [WALKED_ROWS if way == WALK else way for way in ways]
        runs = [_way(forest, way) for way in ways]
        seconds = self._interleave(runs, rows, self._budget_s * BLOCKS_SHARE, hopeless=np.inf)
        us = [1e6 * taken for taken in seconds]
        return BlockCosts(us[0] / WALKED_ROWS, ways[1:], tuple(us[1:]))

    def _choose(self, kernels: Sequence[Kernel], largest: int | None, rows: int, budget_s: float) -> BatchClass:
        pairs = [
            (kernel, threads)
            for kernel in kernels
            for threads in self._threads
            if threads == 1 or rows // kernel.minimum_block_rows >= threads
        ]
        runs = [self._on_threads(kernel, threads) for kernel, threads in pairs]
        seconds = self._interleave(runs, [rows] * len(runs), budget_s, hopeless=HOPELESS)
        handicapped = [
            taken * (1 if threads == 1 else THREADS_HANDICAP)
            for taken, (_, threads) in zip(seconds, pairs, strict=True)
        ]
        best, threads = pairs[handicapped.index(min(handicapped))]
        return BatchClass(
            largest_rows=largest,
            measured_rows=rows,
            kernel=best.name,
            threads=threads,
            block_rows=best.block_rows(rows) if isinstance(best, ForestKernel) else (),
            contenders=tuple(
                Contender(kernel.name, threads, 1e6 * taken / rows)
                for (kernel, threads), taken in zip(pairs, seconds, strict=True)
            ),
        )

    def _on_threads(self, kernel: Kernel, threads: int) -> Run:
        return lambda x, out: score_shared(kernel, self._pool, threads, x, out)

    def _interleave(self, runs: list[Run], rows: list[int], budget_s: float, *, hopeless: float) -> list[float]:
        """Lower quartile of each contender's seconds; for a hopeless one, the better of two."""
        # Not counted: the first call touches memory and wakes threads for the first time.
        first = [self._time(run, count) for run, count in zip(runs, rows, strict=True)]
        taken = [[self._time(run, count)] for run, count in zip(runs, rows, strict=True)]
        # The better of two, because one call in a few thousand is interrupted for milliseconds.
        better = [min(pair) for pair in zip(first, (times[0] for times in taken), strict=True)]
        racing = [number for number, seconds in enumerate(better) if seconds <= hopeless * min(better)]
        end = time.perf_counter() + budget_s
        for turn in range(1, MOST_ROUNDS):
            if turn >= LEAST_ROUNDS and time.perf_counter() > end:
                break
            for number in racing:
                taken[number].append(self._time(runs[number], rows[number]))
        return [quantiles(times, n=4)[0] if number in racing else better[number] for number, times in enumerate(taken)]

    def _time(self, run: Run, rows: int) -> float:
        start = int(self._generator.integers(POOL_ROWS - rows + 1))
        x, out = self._rows[start : start + rows], self._out[:rows]
        begun = time.perf_counter()
        run(x, out)
        return time.perf_counter() - begun


def _way(forest: ForestKernel, way: int) -> Run:
    return lambda x, out: forest.score_by(way, x, out)


def _thread_counts(most: int) -> list[int]:
    """1, 2, 4, ... and the maximum."""
    counts = [1]
    while counts[-1] < most:
        counts.append(min(2 * counts[-1], most))
    return counts
