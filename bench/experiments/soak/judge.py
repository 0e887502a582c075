"""From samples and memory to a verdict. Pure: no clock, no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.experiments.soak.load_plan import Effort
from bench.experiments.soak.memory import Series
from bench.experiments.soak.records import Records
from bench.experiments.soak.samples import Samples
from bench.gate.latency.load_plan import REQUEST_KINDS
from bench.gate.latency.quantile_ratio import quantile_ratio
from fraud.statistics.bootstrap import percentile_interval
from fraud.statistics.interval import Interval
from fraud.statistics.trend import slope
from fraud.verdict import Verdict

MIB: Final = 1024 * 1024
SECONDS_AN_HOUR: Final = 3600.0
WARM_UP_SHARE: Final = 0.2
"""Of the soak: until caches and buffers have their size."""
MAX_GROWTH_MIB_H: Final = 30.0
"""Fail where even the lower end of a process's growth is above it."""
MIN_GROWTH_MIB: Final = 4.0
"""In the time of the look; less is no leak but a buffer that has found its size."""
TOO_NOISY_GROWTH_MIB_H: Final = 300.0
"""Can't tell while the upper end is above it."""
MAX_P99_RATIO: Final = 1.25
"""Of the last third over the first, judged as the gate judges a candidate."""
TOO_NOISY_P99_RATIO: Final = 2.0
WINDOWS: Final = 8
"""Of each third: what is drawn as a whole, since neighbours share whatever the machine did."""
MIN_GOODPUT: Final = 0.9
"""Of the maximum, at twice the maximum."""
MAX_REFUSAL_P99_S: Final = 0.2
MAX_RECOVERY_S: Final = 2.0
MAX_LATE_SHARE: Final = 0.01
"""Of a second that is as before, unless the soak had worse ones."""
MAX_BUSY_SHARE: Final = 0.8
"""Of the load process's core: beyond it the load process may be what is measured."""
MAX_SOAK_LOAD: Final = 0.8
"""Of the maximum after the soak, which is held at 70% of that before it. Beyond it the machine has slowed down so far
that refusals are right.
"""
RESAMPLES: Final = 2_000
SEED: Final = 11
ROWS: Final = np.array([kind.rows for kind in REQUEST_KINDS])


@dataclass(frozen=True, slots=True)
class Seen:
    """All that was seen."""

    maximum: Samples
    """Closed loop."""
    soak: Samples
    beside: tuple[Samples, Samples]
    """The maximum again, before the overload and after it."""
    overload: Samples
    after: Samples
    """As much as in the soak, right after the overload."""
    memory: Mapping[str, Series]
    efforts: Sequence[Effort]
    records: Records
    objectives_s: NDArray[np.float64]
    """Of each kind of the mix: an answer that takes longer is none to its client."""

    @property
    def parts(self) -> dict[str, Samples]:
        """All loads by name, in the order of time."""
        before, after_all = self.beside
        return {
            "maximum": self.maximum,
            "soak": self.soak,
            "maximum before": before,
            "overload": self.overload,
            "after": self.after,
            "maximum after": after_all,
        }


@dataclass(frozen=True, slots=True)
class Figures:
    """What is judged."""

    watched_h: float
    """Time of the soak behind its warm-up, hours."""
    growth_mib_h: Mapping[str, Interval]
    p99_ratio: Interval
    """Of all requests, last third of the soak over the first."""
    errors: int
    """Of the soak: requests that were not answered with 200."""
    shed: int
    """Of these, refused in the way that clients are promised."""
    soak_load: float
    """What the soak asked for, as a share of the maximum right after it."""
    maximum_rows_s: float
    """Before the overload and after it."""
    goodput_rows_s: float
    goodput_ratio: Interval
    """Rows that were answered in time in a second, overload over maximum."""
    refused: int
    refusal_p99_s: float
    strange: int
    """Answers of the overload other than 200 and 503, broken connections, and 503 without Retry-After."""
    recovery_s: float
    """From the end of the overload until it serves as in the soak."""
    busy_share: float
    """The largest of the load process."""


def figures(seen: Seen) -> Figures:
    """Work out what is judged."""
    rng = np.random.default_rng(SEED)
    maximum = np.concatenate([good_rows_by_second(part, seen) for part in seen.beside])
    overload = good_rows_by_second(seen.overload, seen)
    refused = seen.overload.where(seen.overload.status == 503)
    promised = (seen.overload.status == 200) | _is_shed(seen.overload)
    return Figures(
        watched_h=(1 - WARM_UP_SHARE) * float(np.ptp(seen.soak.due_s)) / SECONDS_AN_HOUR,
        growth_mib_h={name: _growth_mib_h(series, seen.soak) for name, series in seen.memory.items()},
        p99_ratio=_p99_ratio(seen.soak, rng),
        errors=int((seen.soak.status != 200).sum()),
        shed=int(_is_shed(seen.soak).sum()),
        soak_load=_requests_s(seen.soak) / _requests_s(seen.beside[0]),
        maximum_rows_s=float(maximum.mean()),
        goodput_rows_s=float(overload.mean()),
        goodput_ratio=_ratio_of_means(overload, maximum, rng),
        refused=len(refused.status),
        refusal_p99_s=float(np.quantile(refused.latency_s, 0.99)) if len(refused.status) else 0.0,
        strange=int((~promised).sum()),
        recovery_s=_recovery_s(seen),
        busy_share=max(effort.busy_share for effort in seen.efforts),
    )


def judge(found: Figures, records: Records) -> tuple[Verdict, list[str]]:
    """The verdict and its reasons: fail outranks "can't tell", which outranks pass."""
    if failures := [*_failures(found, records)]:
        return Verdict.FAIL, failures
    if untold := [*_untold(found)]:
        return Verdict.INCONCLUSIVE, untold
    return Verdict.PASS, ["memory and p99 are flat, overload is refused and not served late, all answers are on record"]


def _failures(found: Figures, records: Records) -> Iterator[str]:
    if not records.are_whole:
        yield (
            f"{records.answered} answers with {records.answered_rows} rows, {records.recorded} records with "
            f"{records.recorded_rows}: {records.lost} lost, {records.twice} twice, {records.unanswered} unanswered"
        )
    if found.errors > (found.shed if found.soak_load > MAX_SOAK_LOAD else 0):
        yield f"{found.errors} requests of the soak were not answered with 200"
    for name, growth in found.growth_mib_h.items():
        if growth.low > max(MAX_GROWTH_MIB_H, MIN_GROWTH_MIB / found.watched_h):
            yield f"the memory of {name} grows by {growth} MiB an hour, above {MAX_GROWTH_MIB_H:g}"
    if found.p99_ratio.low > MAX_P99_RATIO:
        yield f"the p99 of the last third over the first is {found.p99_ratio}, above {MAX_P99_RATIO:g}"
    if found.goodput_ratio.high < MIN_GOODPUT:
        yield f"at twice the maximum goodput is {found.goodput_ratio} of it, below {MIN_GOODPUT:g}"
    if found.strange:
        yield f"{found.strange} requests of the overload got neither 200 nor 503 with Retry-After"
    if found.refusal_p99_s > MAX_REFUSAL_P99_S:
        yield f"the p99 of a refusal is {1e3 * found.refusal_p99_s:.0f} ms, above {1e3 * MAX_REFUSAL_P99_S:.0f}"
    if found.recovery_s > MAX_RECOVERY_S:
        yield f"after the overload it takes {found.recovery_s:.0f} s to serve as before"


def _untold(found: Figures) -> Iterator[str]:
    if found.shed and found.soak_load > MAX_SOAK_LOAD:
        yield (
            f"{found.shed} requests of the soak were refused: the machine has slowed down, and it asked for "
            f"{found.soak_load:.0%} of the maximum"
        )
    for name, growth in found.growth_mib_h.items():
        if growth.high > TOO_NOISY_GROWTH_MIB_H:
            yield f"the memory of {name} grows by {growth} MiB an hour, too short a look to rule out a leak"
    if found.p99_ratio.high > TOO_NOISY_P99_RATIO:
        yield f"the p99 of the last third over the first is {found.p99_ratio}, too noisy to tell"
    if found.goodput_ratio.low < MIN_GOODPUT:
        yield f"at twice the maximum goodput is {found.goodput_ratio} of it, too noisy to tell"
    if not found.refused:
        yield "nothing was refused: it was no overload"
    if found.busy_share > MAX_BUSY_SHARE:
        yield f"the load process was busy for {found.busy_share:.0%} of the time, and may be what was measured"


def good_rows_by_second(samples: Samples, seen: Seen) -> NDArray[np.float64]:
    """Rows that were answered in time, in each whole second by when they were due."""
    in_time = (samples.status == 200) & (samples.latency_s <= seen.objectives_s[samples.kind])
    second = (samples.due_s - samples.due_s.min()).astype(int)
    rows = np.bincount(second, ROWS[samples.kind] * in_time).astype(np.float64)
    return rows[:-1] if len(rows) > 1 else rows


def _is_shed(samples: Samples) -> NDArray[np.bool_]:
    shed: NDArray[np.bool_] = (samples.status == 503) & (samples.retry_after == 1)
    return shed


def _requests_s(samples: Samples) -> float:
    return len(samples.due_s) / float(np.ptp(samples.due_s))


def _growth_mib_h(series: Series, soak: Samples) -> Interval:
    begun, ended = soak.due_s.min(), soak.due_s.max()
    warm = (series[:, 0] >= begun + WARM_UP_SHARE * (ended - begun)) & (series[:, 0] <= ended)
    bytes_s = slope(series[warm, 0], series[warm, 1])
    factor = SECONDS_AN_HOUR / MIB
    return Interval(bytes_s.estimate * factor, bytes_s.low * factor, bytes_s.high * factor)


def _p99_ratio(soak: Samples, rng: np.random.Generator) -> Interval:
    begun, ended = soak.due_s.min(), soak.due_s.max()
    length = (ended - begun) * (1 - WARM_UP_SHARE) / 3
    first = _windows(soak, begun + (ended - begun) * WARM_UP_SHARE, length)
    return quantile_ratio(first, _windows(soak, ended - length, length), 0.99, rng)


def _windows(samples: Samples, begin_s: float, length_s: float) -> list[NDArray[np.float64]]:
    edges = np.linspace(begin_s, begin_s + length_s, WINDOWS + 1)
    window = np.digitize(samples.due_s, edges) - 1
    return [samples.latency_s[window == number] for number in range(WINDOWS)]


def _ratio_of_means(
    numerator: NDArray[np.float64], denominator: NDArray[np.float64], rng: np.random.Generator
) -> Interval:
    def means(values: NDArray[np.float64]) -> NDArray[np.float64]:
        resamples: NDArray[np.float64] = rng.choice(values, (RESAMPLES, len(values))).mean(axis=1)
        return resamples

    return percentile_interval(float(numerator.mean() / denominator.mean()), means(numerator) / means(denominator))


def _recovery_s(seen: Seen) -> float:
    """Whole seconds until two in a row are as before: one in twenty of the soak's own is not, by chance."""
    usual = max(MAX_LATE_SHARE, float(np.quantile(_late_shares(seen.soak, seen), 0.95)))
    as_before = _late_shares(seen.after, seen) <= usual
    both = np.flatnonzero(as_before[:-1] & as_before[1:])
    return float(both[0]) if both.size else float(len(as_before))


def _late_shares(samples: Samples, seen: Seen) -> NDArray[np.float64]:
    """Share of the requests of each second that were refused or answered late."""
    second = (samples.due_s - samples.due_s.min()).astype(int)
    late = (samples.status != 200) | (samples.latency_s > seen.objectives_s[samples.kind])
    shares: NDArray[np.float64] = np.bincount(second, late) / np.maximum(1, np.bincount(second))
    return shares
