"""What was measured as tables, for the terminal and for a page alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench.experiments.engines.race import Ratio
from bench.experiments.engines.report import Bar
from bench.experiments.peers.bars import (
    MIB,
    Unmeasured,
    best_of,
    latency_bar,
    memory_bars,
    paired_ratio,
    rows_per_s,
    throughput_bars,
    windows_of,
)
from bench.experiments.peers.contenders import BATCH_ROWS, MLSERVER_JSON_FORMS
from bench.experiments.peers.measurements import Latency, Memory, Throughput, Window

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Table:
    """A title, the heads of the columns and the cells."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def bars_table(throughput: Throughput | None, latency: Latency | None, memory: Memory | None) -> Table:
    """Promises and verdicts."""
    bars: list[Bar | Unmeasured] = []
    if throughput is not None:
        bars += throughput_bars(throughput)
    if latency is not None:
        bars.append(latency_bar(latency))
    if memory is not None:
        bars += memory_bars(memory)
    rows = tuple((bar.promise, f"{'<=' if bar.lower else '>='} {bar.bound:g}", *_verdict(bar)) for bar in bars)
    return Table("Promises: medians of the ratios of each round [10%-90%]", ("promise", "bound", "measured", ""), rows)


def _verdict(bar: Bar | Unmeasured) -> tuple[str, str]:
    if isinstance(bar, Unmeasured):
        return "no window that counts", "missed"
    return show(bar.ratio), "reached" if bar.reached else "missed"


def throughput_tables(stage: Throughput) -> Iterator[Table]:
    """A table a batch size, the fastest first."""
    heads = (
        *("contender", "requests/s", "rows/s", "x MLServer's best", "p50 ms", "p99 ms"),
        *("server", "client", "PostgreSQL", "others", "log behind s", "failures"),
    )
    for rows in BATCH_ROWS:
        names = dict.fromkeys(window.contender for window in stage.windows if window.rows == rows)
        best = best_of(stage.windows, MLSERVER_JSON_FORMS, rows)
        ordered = sorted(names, key=lambda name: -rows_per_s(stage.windows, name, rows))
        cells = tuple(_throughput_row(stage.windows, name, best, rows) for name in ordered)
        if cells:
            yield Table(f"{rows:,} rows a request; medians of {stage.rounds} rounds", heads, cells)


def _throughput_row(windows: Sequence[Window], name: str, best: str | None, rows: int) -> tuple[str, ...]:
    own = windows_of(windows, name, rows)
    ratio = None if best is None else paired_ratio(windows, name, best, rows)
    usages = [(window.usage.server, window.usage.client, window.usage.postgres, window.usage.others) for window in own]
    return (
        name,
        f"{np.median([window.requests_per_s for window in own]):,.4g}",
        f"{np.median([window.rows_per_s for window in own]):,.0f}",
        "-" if ratio is None else show(ratio),
        f"{np.median([window.p50_ms for window in own]):.2f}",
        f"{np.median([window.p99_ms for window in own]):.2f}",
        *(f"{share:.0%}" for share in np.median(usages, axis=0)),
        f"{np.median([window.log_lag_s for window in own]):.2f}",
        str(sum(window.failures for window in own)),
    )


def latency_table(stage: Latency) -> Table:
    """Percentiles from the intended start, medians over the rounds with the extremes."""
    rows = []
    for name in dict.fromkeys(run.contender for run in stage.runs):
        per_run = np.array(
            [np.percentile(run.latencies_ms, PERCENTILES) for run in stage.runs if run.contender == name]
        )
        cells = (f"{np.median(column):.2f} ({column.min():.2f}-{column.max():.2f})" for column in per_run.T)
        rows.append((name, *cells))
    title = (
        f"Latency of {stage.rows:,} rows at {stage.rate_per_s:.0f} requests/s, half of MLServer's maximum: open loop, "
        f"Poisson, from the intended start; median of the rounds (least-most)"
    )
    return Table(title, ("contender", *(f"p{percentile} ms" for percentile in PERCENTILES)), tuple(rows))


def memory_table(stage: Memory) -> Table:
    """Resident memory by fifths of the time."""
    fifths = np.array_split(np.array(stage.resident_bytes) / MIB, 5)
    rows = tuple(
        (f"{number}", f"{part.min():.0f}", f"{np.median(part):.0f}", f"{part.max():.0f}")
        for number, part in enumerate(fifths, 1)
        if len(part)
    )
    title = f"Resident MiB of our worker in {stage.minutes:g} minutes of {stage.rows:,}-row batches, by fifths"
    return Table(
        f"{title}; {stage.requests:,} requests, {stage.failures} failures", ("fifth", "least", "median", "most"), rows
    )


def show(ratio: Ratio) -> str:
    """A ratio with its spread."""
    return f"{ratio.median:.3g} [{ratio.low:.3g}-{ratio.high:.3g}]"
