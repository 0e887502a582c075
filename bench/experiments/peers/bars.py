"""What the project promises against its peers, and what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bench.experiments.engines.race import Ratio, ratio_of
from bench.experiments.engines.report import Bar
from bench.experiments.peers import contenders
from bench.experiments.peers.measurements import Latency, Memory, Throughput, Window

MIB: Final = 2**20

# Batch size -> how many times MLServer's best JSON (issue 3, "Speed to reach").
ROW_OBJECT_BOUNDS: Final = {1: 6.0, 100: 4.0, 1_000: 2.5, 10_000: 1.6}
BINARY_BOUND: Final = 8.0
# The fastest peer, on single rows (issue 15, "Faster than the fastest peer"); its answers are on no record.
MOSEC_BOUND: Final = 1.5
MOSEC_UNLOGGED_BOUND: Final = 2.0
ORIGINAL_BOUND: Final = 200.0
LATENCY_BOUND: Final = 0.4
LOG_COST_BOUND: Final = 0.85
"""What must be left of the throughput when the log is on: it may cost 15%."""
MEMORY_BOUND_MIB: Final = 400.0
GROWTH_BOUND: Final = 1.05


def windows_of(windows: Sequence[Window], contender: str, rows: int) -> list[Window]:
    """A contender's windows of one batch size."""
    return [window for window in windows if (window.contender, window.rows) == (contender, rows)]


def rows_per_s(windows: Sequence[Window], contender: str, rows: int) -> float:
    """Median over the rounds; 0 when there is no window."""
    found = [window.rows_per_s for window in windows_of(windows, contender, rows)]
    return float(np.median(found)) if found else 0.0


def best_of(windows: Sequence[Window], names: Sequence[str], rows: int) -> str | None:
    """Which of some contenders is fastest at a batch size; None when none of them was measured."""
    best = max(names, key=lambda name: rows_per_s(windows, name, rows))
    return best if windows_of(windows, best, rows) else None


def paired_ratio(windows: Sequence[Window], numerator: str, denominator: str, rows: int) -> Ratio | None:
    """Rows/s of the one to those of the other, round by round; None when they share no round that counts."""
    of = {
        name: {window.round: window.rows_per_s for window in windows_of(windows, name, rows) if window.counts}
        for name in (numerator, denominator)
    }
    shared = sorted(of[numerator].keys() & of[denominator].keys())
    if not shared:
        return None
    return ratio_of([of[numerator][number] for number in shared], [of[denominator][number] for number in shared])


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """A promise for which two contenders share no window without failures."""

    promise: str
    bound: float
    lower: bool = False


def throughput_bars(stage: Throughput) -> Iterator[Bar | Unmeasured]:
    """Promises of throughput at the batch sizes that were measured."""
    for promise, pair, rows, bound in _promises(stage.windows):
        if not any(window.rows == rows for window in stage.windows):
            continue
        ratio = None if pair[1] is None else paired_ratio(stage.windows, pair[0], pair[1], rows)
        title = f"{promise}: {pair[0]} / {pair[1] or 'MLServer'}"
        yield Unmeasured(title, bound) if ratio is None else Bar(title, ratio, bound, lower=False)


def _promises(windows: Sequence[Window]) -> Iterator[tuple[str, tuple[str, str | None], int, float]]:
    """What is promised, of which contender against which, at which batch size, and the bound."""
    for rows, bound in ROW_OBJECT_BOUNDS.items():
        route = "/predict" if rows == 1 else f"/batch_predict, {rows:,} rows"
        yield route, (contenders.OBJECTS, best_of(windows, contenders.MLSERVER_JSON_FORMS, rows)), rows, bound
    for name, bound in ((contenders.OBJECTS, MOSEC_BOUND), (contenders.OBJECTS_UNLOGGED, MOSEC_UNLOGGED_BOUND)):
        yield "/predict", (name, contenders.MOSEC_JSON), 1, bound
    best = best_of(windows, contenders.MLSERVER_JSON_FORMS, 10_000)
    for name in (contenders.BINARY, contenders.BINARY_UNLOGGED, contenders.ARROW, contenders.ARROW_UNLOGGED):
        yield "10,000 rows", (name, best), 10_000, BINARY_BOUND
    yield "1,000 rows", (contenders.OBJECTS, contenders.IN_ORIGINAL_MANNER), 1_000, ORIGINAL_BOUND
    for rows in contenders.BATCH_ROWS:
        pair = (contenders.OBJECTS, contenders.OBJECTS_UNLOGGED)
        yield f"left with the log, {rows:,} rows", pair, rows, LOG_COST_BOUND
    pair = (contenders.BINARY, contenders.BINARY_UNLOGGED)
    yield "left with the log, 10,000 rows", pair, 10_000, LOG_COST_BOUND


def latency_bar(stage: Latency) -> Bar:
    """The promise of p99 at a fixed rate."""
    ours, peer = stage.p99_ms(contenders.OBJECTS), stage.p99_ms(contenders.MLSERVER_JSON)
    promise = f"p99 at {stage.rate_per_s:.0f} requests/s of {stage.rows:,} rows: ours / MLServer"
    return Bar(promise, ratio_of(ours, peer), LATENCY_BOUND, lower=True)


def memory_bars(stage: Memory) -> Iterator[Bar]:
    """The promises of steady memory."""
    sizes = np.array(stage.resident_bytes) / MIB
    low, middle, high = np.percentile(sizes, (10, 50, 100))
    most = Ratio(float(high), float(low), float(middle))
    yield Bar(f"most MiB of one worker in {stage.minutes:g} minutes", most, MEMORY_BOUND_MIB, lower=True)
    # The first fifth may still fill caches and buffers.
    fifth = max(1, len(sizes) // 5)
    early, late = np.median(sizes[fifth : 2 * fifth]), np.median(sizes[-fifth:])
    growth = float(late / early)
    yield Bar("its memory in the last fifth / in the second", Ratio(growth, growth, growth), GROWTH_BOUND, lower=True)
