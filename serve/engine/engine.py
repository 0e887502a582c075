"""An engine: a kernel that scores one block of rows, and the threads that share a large batch among them.

A batch is cut into blocks of rows and never into groups of trees: partial sums of trees, merged at the end, round
differently, and the margin would no longer be XGBoost's bit for bit.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from fraud.features import FEATURE_COUNT
from serve.engine.plan import Plan

Matrix = NDArray[np.float32]
"""Applications, [N, 10], C-contiguous, columns in the order of `fraud.features`; NaN = missing."""

Probabilities = NDArray[np.float32]
"""Probability of a quick divorce, [N]."""

CHUNKS_A_THREAD: Final = 32
"""Chunks for each thread: threads end at most one chunk apart, 3% of a thread's work."""

CHUNK_UNIT: Final = 512
"""Rows of the forest kernel's largest block: a smaller chunk would cost as much as a whole one."""


class Kernel(Protocol):
    """Evaluates the trees: ONNX Runtime, or the compiled forest kernel. A kernel is thread-safe, and releases the GIL
    while it computes.
    """

    @property
    def name(self) -> str:
        """Its name in settings and reports."""

    @property
    def minimum_block_rows(self) -> int:
        """Minimum number of rows worth handing to another thread, > 0."""

    def score_into(self, x: Matrix, out: Probabilities) -> None:
        """Write the probabilities of the rows of `x`, [n, 10] with n > 0, into `out`, [n]."""


class EngineKind(StrEnum):
    """Which kernels may run the trees."""

    AUTO = "auto"
    """The fastest for each batch size, once the forest kernel is proved equal to ONNX Runtime."""

    ONNXRUNTIME = "onnxruntime"
    FOREST = "forest"


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Options of an engine. `threads` is the number of threads that one large batch may use. Leave it at 1 if one
    process for each core serves requests: the cores are busy already, and more threads only make requests wait for each
    other. `plan_budget_s` is the time that a load may spend on measuring, seconds; the plan is saved beside the model.
    `cache_dir` is the cache of compiled code, None = beside the source; only the program's own user may have write
    access.
    """

    threads: int = 1
    kind: EngineKind = EngineKind.ONNXRUNTIME
    plan_budget_s: float = 2.0
    cache_dir: Path | None = None

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise ValueError(f"threads is {self.threads}; expected 1 or more")
        if not self.plan_budget_s > 0:
            raise ValueError(f"plan_budget_s is {self.plan_budget_s}; expected more than 0")


@dataclass(frozen=True, slots=True)
class Route:
    """The kernel that scores batches of up to `largest_rows` rows (None: of any size), and its number of threads."""

    largest_rows: int | None
    kernel: Kernel
    threads: int


class Engine:
    """A loaded model. Any number of threads may call `score` at once."""

    __slots__ = ("_bounds", "_plan", "_pool", "_routes")

    def __init__(self, routes: Sequence[Route], plan: Plan | None = None) -> None:
        """Score by `routes`, smallest batches first, the last one without a bound; `plan` is the plan behind them."""
        self._routes = tuple(routes)
        self._bounds = [route.largest_rows for route in routes if route.largest_rows is not None]
        self._plan = plan
        self._pool = scoring_pool(max(route.threads for route in routes))

    @property
    def name(self) -> str:
        """The kernel that evaluates the trees; both names, if it depends on the batch size."""
        return "+".join(sorted({route.kernel.name for route in self._routes}))

    @property
    def plan(self) -> Plan | None:
        """The choice for each batch size with its measurements; None if there was nothing to choose."""
        return self._plan

    def score(self, x: Matrix) -> Probabilities:
        """Probability of a quick divorce for each row of `x` (float32 [N, 10], C-contiguous) as float32 [N].

        A row's log-odds do not depend on the rows beside it, on N or on the number of threads. Its probability may
        differ by 1e-6, relative, between batch sizes scored by different kernels, which round exp differently.

        Raises:
            TypeError: `x` is not a float32 array.
            ValueError: `x` is not [N, 10] or not C-contiguous.
        """
        _check(x)
        out = np.empty(x.shape[0], dtype=np.float32)
        if x.shape[0]:
            route = self._routes[bisect_left(self._bounds, x.shape[0])]
            score_shared(route.kernel, self._pool, route.threads, x, out)
        return out

    def kernel_for(self, rows: int | None) -> str:
        """The kernel that scores batches of this number of rows; None: larger than any class."""
        return self._routes[-1 if rows is None else bisect_left(self._bounds, rows)].kernel.name

    def close(self) -> None:
        """Stop the threads; call it once, after the last `score` has returned."""
        if self._pool is not None:
            self._pool.shutdown()


def scoring_pool(threads: int) -> ThreadPoolExecutor | None:
    """A pool for scoring on this number of threads: it has one less, since the caller scores a part itself."""
    return ThreadPoolExecutor(max_workers=threads - 1, thread_name_prefix="scoring") if threads > 1 else None


def score_shared(kernel: Kernel, pool: ThreadPoolExecutor | None, threads: int, x: Matrix, out: Probabilities) -> None:
    """Score the rows of `x`, at least one, on as many threads as is worthwhile. Each thread takes the next chunk when
    it has finished one, so a thread that wakes late, or whose core is busy, takes fewer chunks and does not delay the
    others.
    """
    rows = x.shape[0]
    wanted = 1 if pool is None else min(threads, rows // kernel.minimum_block_rows)
    if wanted < 2 or pool is None:
        kernel.score_into(x, out)
        return
    chunk = _chunk_rows(rows, wanted, kernel.minimum_block_rows)
    # One shared iterator: the GIL makes its steps atomic.
    starts = iter(range(0, rows, chunk))

    def work() -> None:
        for start in starts:
            kernel.score_into(x[start : start + chunk], out[start : start + chunk])

    helpers = [pool.submit(work) for _ in range(wanted - 1)]
    work()
    for helper in helpers:
        # A task that has not begun by now has nothing left to do.
        if not helper.cancel():
            helper.result()


def _chunk_rows(rows: int, threads: int, minimum: int) -> int:
    if rows < 2 * threads * CHUNK_UNIT:
        return -(-rows // threads)
    wanted = max(-(-rows // (threads * CHUNKS_A_THREAD)), minimum // 2)
    return -(-wanted // CHUNK_UNIT) * CHUNK_UNIT


def _check(x: Matrix) -> None:
    # No conversion here: float64 rows rounded to float32 could take other branches than the caller expects.
    if not isinstance(x, np.ndarray) or x.dtype != np.float32:
        raise TypeError(f"rows are {getattr(x, 'dtype', type(x).__name__)}; expected a float32 array")
    if x.ndim != 2 or x.shape[1] != FEATURE_COUNT:
        raise ValueError(f"rows have shape {list(x.shape)}; expected [N, {FEATURE_COUNT}]")
    if not x.flags.c_contiguous:
        raise ValueError("rows are not C-contiguous; expected one row after the other")
