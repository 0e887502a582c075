"""From raw samples of windows to a verdict on latency. Pure: no clock, no network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bench.gate.errors import MEASURE_AGAIN
from bench.gate.latency.load_plan import RequestKind, WindowSamples
from bench.gate.latency.quantile_ratio import Samples, quantile_ratio
from bench.gate.latency.report import KindLatency, LatencyReport
from fraud.statistics.interval import Interval
from fraud.verdict import Verdict

MIN_REACHED: Final = 0.99
"""A window that sent a smaller share of its requests in time is void: its load was not the one agreed on."""
MAX_VOID: Final = 0.5
"""Share of void windows from which on the result is inconclusive, or, for the candidate alone, a failure."""
HELD_BACK_LEVEL: Final = 0.01
"""Share of equal servers of which one may be said to keep up less often than the other."""
SHOWN_ERRORS: Final = 5
SEED: Final = 11


@dataclass(frozen=True, slots=True)
class LatencyRule:
    """What a candidate may cost."""

    max_ratio: float
    """Fail when even the lower end of a ratio's interval is above it."""
    too_noisy_ratio: float
    """Can't tell while the upper end of an interval is above it."""
    max_p99_us: Mapping[str, float]
    """Absolute service objective of the candidate by kind of request; kinds that it does not name have none."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Neighbouring windows, one of each side."""

    champion: WindowSamples
    candidate: WindowSamples

    @property
    def counts(self) -> bool:
        """Whether both windows got the load agreed on; a pair that did not counts for nothing, errors included."""
        return not is_void(self.champion) and not is_void(self.candidate)


def is_void(window: WindowSamples) -> bool:
    """Whether the window did not get the load agreed on."""
    return window.is_late or not has_reached_rate(window)


def has_reached_rate(window: WindowSamples) -> bool:
    """Whether as much was sent in time as agreed on."""
    return all(len(kind.latencies_us) >= MIN_REACHED * kind.planned for kind in window.kinds.values())


def errors_of(windows: Iterable[WindowSamples]) -> list[str]:
    """What went wrong in the windows."""
    return [error for window in windows for kind in window.kinds.values() for error in kind.errors]


def judge(pairs: Sequence[Pair], kinds: Sequence[RequestKind], rule: LatencyRule) -> LatencyReport:
    """Judge the candidate by all pairs measured so far: fail outranks "can't tell", which outranks pass.

    Where too few pairs count, a few lucky windows decide nothing: only a candidate that is held back fails then.
    """
    valid = [pair for pair in pairs if pair.counts]
    compared = compare(valid, kinds) if valid else ()
    champion_errors = errors_of(pair.champion for pair in valid)
    candidate_errors = errors_of(pair.candidate for pair in valid)
    failed, untold = [*_held_back(pairs)], [*_too_few(len(valid), len(pairs))]
    if not untold:
        failed += _too_slow(compared, rule)
        untold += [*_too_noisy(compared, rule), *_in_doubt(compared, rule)]
        if candidate_errors:
            reason = f"{len(candidate_errors)} of the candidate's answers were errors, the first: {candidate_errors[0]}"
            # Where the champion fails as well, it is not the candidate that is at fault.
            (untold if champion_errors else failed).append(reason)
    if failed:
        verdict, reasons = Verdict.FAIL, failed
    elif untold:
        verdict, reasons = Verdict.INCONCLUSIVE, untold
    else:
        verdict = Verdict.PASS
        reasons = [f"the lower end of every latency ratio is at most {rule.max_ratio:.2f}"]
    void = sum(is_void(pair.champion) for pair in pairs), sum(is_void(pair.candidate) for pair in pairs)
    errors = (*champion_errors[:SHOWN_ERRORS], *candidate_errors[:SHOWN_ERRORS])
    return LatencyReport(verdict, tuple(reasons), compared, len(valid), void, errors)


def compare(pairs: Sequence[Pair], kinds: Sequence[RequestKind]) -> tuple[KindLatency, ...]:
    """The figures of every kind of request over pairs of windows, none of them void.

    Raises:
        ValueError: no pair.
    """
    rng = np.random.default_rng(SEED)
    return tuple(_compare(pairs, kind, rng) for kind in kinds)


def _held_back(pairs: Sequence[Pair]) -> Iterator[str]:
    """The candidate often can't keep up with a rate that the champion keeps up with, and not by chance.

    One-sided sign test of the pairs of which one window missed its rate: of equal servers each is as likely that one.
    A window that began late says nothing about its server: it was the load that was not ready.
    """
    begun = [pair for pair in pairs if not pair.champion.is_late and not pair.candidate.is_late]
    missed = [(not has_reached_rate(pair.champion), not has_reached_rate(pair.candidate)) for pair in begun]
    champion, candidate = (sum(side) for side in zip(*missed, strict=True)) if missed else (0, 0)
    if candidate == 0 or candidate < MAX_VOID * len(pairs):
        return
    only_candidate = sum(theirs and not ours for ours, theirs in missed)
    one_of_two = sum(ours != theirs for ours, theirs in missed)
    as_extreme = sum(math.comb(one_of_two, count) for count in range(only_candidate, one_of_two + 1))
    if as_extreme / 2**one_of_two <= HELD_BACK_LEVEL:
        yield f"the candidate missed its rate in {candidate} of {len(pairs)} windows, the champion in {champion}"


def _too_few(valid: int, pairs: int) -> Iterator[str]:
    if valid <= MAX_VOID * pairs:
        yield (
            f"only {valid} of {pairs} pairs of windows reached their rate: the machine is busy or too small for the "
            f"load; end what else runs on it: {MEASURE_AGAIN}"
        )


def _too_slow(compared: Iterable[KindLatency], rule: LatencyRule) -> Iterator[str]:
    for kind in compared:
        for name, ratio in _ratios(kind):
            if ratio.low > rule.max_ratio:
                yield f"{kind.name}: {name} of candidate over champion is {ratio}, above {rule.max_ratio:.2f}"
        limit_us = rule.max_p99_us.get(kind.name)
        if limit_us is not None and kind.candidate_p99_us > limit_us:
            yield f"{kind.name}: p99 is {kind.candidate_p99_us / 1000:.2f} ms, above {limit_us / 1000:.2f} ms"


def _too_noisy(compared: Iterable[KindLatency], rule: LatencyRule) -> Iterator[str]:
    for kind in compared:
        for name, ratio in _ratios(kind):
            if ratio.high > rule.too_noisy_ratio:
                yield (
                    f"{kind.name}: {name} of candidate over champion is {ratio}, too noisy to rule out "
                    f"{rule.too_noisy_ratio:.2f} on a machine that busy: {MEASURE_AGAIN}"
                )


def _in_doubt(compared: Iterable[KindLatency], rule: LatencyRule) -> Iterator[str]:
    """A median that looks too slow, though not beyond doubt: more windows tell.

    Without this rule the gate would pass a candidate on the few windows in which it could not yet be convicted. A p99
    is left out: of few samples it is above the bound as often as not, whoever is measured.
    """
    for kind in compared:
        ratio = kind.p50_ratio
        if ratio.low <= rule.max_ratio < ratio.estimate:
            yield (
                f"{kind.name}: median of candidate over champion is {ratio}: above {rule.max_ratio:.2f}, but not "
                f"beyond doubt on a machine that busy, or with so few pairs (GATE_EFFORT max_pairs): {MEASURE_AGAIN}"
            )


def _ratios(kind: KindLatency) -> tuple[tuple[str, Interval], ...]:
    return ("median", kind.p50_ratio), ("p99", kind.p99_ratio)


def _compare(pairs: Sequence[Pair], kind: RequestKind, rng: np.random.Generator) -> KindLatency:
    champion = [_samples(pair.champion, kind) for pair in pairs]
    candidate = [_samples(pair.candidate, kind) for pair in pairs]
    champion_p50, champion_p99 = np.quantile(np.concatenate(champion), [0.5, 0.99])
    candidate_p50, candidate_p99 = np.quantile(np.concatenate(candidate), [0.5, 0.99])
    return KindLatency(
        name=kind.name,
        rows=kind.rows,
        target_rps=kind.requests_per_s,
        champion_p50_us=float(champion_p50),
        champion_p99_us=float(champion_p99),
        candidate_p50_us=float(candidate_p50),
        candidate_p99_us=float(candidate_p99),
        p50_ratio=quantile_ratio(champion, candidate, 0.5, rng),
        p99_ratio=quantile_ratio(champion, candidate, 0.99, rng),
        requests=sum(window.size for window in candidate),
    )


def _samples(window: WindowSamples, kind: RequestKind) -> Samples:
    return np.array(window.kinds[kind.name].latencies_us)
