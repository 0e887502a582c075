"""The judgement of a soak test: what has to fail it does, one thing at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bench.experiments.soak.judge import MIB, Seen, figures, judge
from bench.experiments.soak.load_plan import Effort
from bench.experiments.soak.records import Records
from bench.experiments.soak.samples import Samples
from fraud.verdict import Verdict

SOAK_S = 200
OVERLOAD_S = 30
RATE = 100
WHOLE = Records(answered=100, answered_rows=1_000, recorded=100, recorded_rows=1_000, lost=0, twice=0, unanswered=0)


def samples(begin_s: float, seconds: float, rate: float = RATE, refused: float = 0.0) -> Samples:
    generator = np.random.default_rng(int(begin_s) + 1)
    count = int(rate * seconds)
    status = np.where(generator.random(count) < refused, 503, 200).astype(np.int16)
    return Samples(
        number=np.arange(count),
        stretch=np.zeros(count, np.int8),
        kind=np.zeros(count, np.int8),
        due_s=begin_s + np.linspace(0, seconds, count, endpoint=False),
        latency_s=generator.gamma(4, 0.001, count),
        status=status,
        retry_after=(status == 503).astype(np.int8),
    )


def memory(growth_mib_h: float = 0.0) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    seconds = np.arange(0.0, SOAK_S, 0.5)
    noise = np.random.default_rng(1).normal(0, 0.01 * MIB, len(seconds))
    return np.column_stack([seconds, 300 * MIB + growth_mib_h * MIB * seconds / 3600 + noise])


def well() -> Seen:
    return Seen(
        maximum=samples(0, 15),
        soak=samples(0, SOAK_S, 0.7 * RATE),
        beside=(samples(SOAK_S, 10), samples(SOAK_S + 10 + OVERLOAD_S + 10, 10)),
        overload=samples(SOAK_S + 10, OVERLOAD_S, 2 * RATE, refused=0.5),
        after=samples(SOAK_S + 10 + OVERLOAD_S, 10, 0.7 * RATE),
        memory={"worker 1": memory()},
        efforts=[Effort(busy_share=0.3, late_p99_ms=1.0)],
        records=WHOLE,
        objectives_s=np.full(4, 0.05),
    )


def changed(samples: Samples, where: slice, **values: float) -> Samples:
    copies = {name: getattr(samples, name).copy() for name in values}
    for name, value in values.items():
        copies[name][where] = value
    return replace(samples, **copies)


def test_flat_memory_and_goodput_pass() -> None:
    seen = well()
    verdict, reasons = judge(figures(seen), seen.records)
    assert verdict is Verdict.PASS, reasons


def test_the_overload_is_compared_with_what_the_machine_does_around_it() -> None:
    seen = replace(well(), maximum=samples(0, 15, 1.5 * RATE))
    verdict, reasons = judge(figures(seen), seen.records)
    assert verdict is Verdict.PASS, reasons


def test_refusals_fail_while_the_soak_is_seven_tenths_of_the_maximum() -> None:
    seen = replace(well(), soak=samples(0, SOAK_S, 0.7 * RATE, refused=0.01))
    verdict, (reason,) = judge(figures(seen), seen.records)
    assert verdict is Verdict.FAIL
    assert "not answered with 200" in reason


def test_refusals_tell_nothing_where_the_machine_has_slowed_down_below_the_load() -> None:
    seen = well()
    slower = samples(SOAK_S, 10, 0.75 * RATE)
    seen = replace(seen, soak=samples(0, SOAK_S, 0.7 * RATE, refused=0.01), beside=(slower, seen.beside[1]))
    verdict, reasons = judge(figures(seen), seen.records)
    assert verdict is Verdict.INCONCLUSIVE
    assert "93% of the maximum" in reasons[0]


def test_errors_fail_on_a_slower_machine_too() -> None:
    seen = well()
    slower = samples(SOAK_S, 10, 0.75 * RATE)
    seen = replace(seen, soak=changed(seen.soak, slice(5, 6), status=500), beside=(slower, seen.beside[1]))
    assert judge(figures(seen), seen.records)[0] is Verdict.FAIL


def test_a_single_late_second_after_the_overload_is_chance() -> None:
    seen = well()
    seen = replace(seen, after=changed(seen.after, slice(300, 350), latency_s=1))
    verdict, reasons = judge(figures(seen), seen.records)
    assert verdict is Verdict.PASS, reasons


FAULTS: dict[str, tuple[Callable[[Seen], Seen], str]] = {
    "a leak": (lambda seen: replace(seen, memory={"worker 1": memory(2_000)}), "memory of worker 1 grows"),
    "an error in the soak": (
        lambda seen: replace(seen, soak=changed(seen.soak, slice(7, 8), status=500)),
        "1 requests of the soak",
    ),
    "latency that rises": (
        lambda seen: replace(
            seen, soak=replace(seen.soak, latency_s=seen.soak.latency_s * (1 + seen.soak.due_s / 100))
        ),
        "p99 of the last third",
    ),
    "goodput that collapses": (
        lambda seen: replace(seen, overload=changed(seen.overload, slice(None, None, 3), status=503, retry_after=1)),
        "goodput is",
    ),
    "answers that come too late": (
        lambda seen: replace(seen, overload=changed(seen.overload, slice(None, None, 3), latency_s=1)),
        "goodput is",
    ),
    "a refusal without Retry-After": (
        lambda seen: replace(seen, overload=changed(seen.overload, slice(0, 1), status=503, retry_after=0)),
        "1 requests of the overload",
    ),
    "refusals that take long": (
        lambda seen: replace(seen, overload=changed(seen.overload, slice(None), latency_s=0.3)),
        "p99 of a refusal",
    ),
    "overload that goes on when it is over": (
        lambda seen: replace(seen, after=changed(seen.after, slice(0, 300), status=503)),
        "after the overload",
    ),
    "an answer that is not on record": (lambda seen: replace(seen, records=replace(WHOLE, lost=1)), "1 lost"),
    "an answer that is on record twice": (lambda seen: replace(seen, records=replace(WHOLE, twice=1)), "1 twice"),
    "a record of a refusal": (lambda seen: replace(seen, records=replace(WHOLE, unanswered=1)), "1 unanswered"),
    "a record with fewer rows": (lambda seen: replace(seen, records=replace(WHOLE, recorded_rows=999)), "999"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_fails_and_is_named(fault: str) -> None:
    spoil, reason = FAULTS[fault]
    seen = spoil(well())
    verdict, reasons = judge(figures(seen), seen.records)
    assert verdict is Verdict.FAIL
    assert any(reason in line for line in reasons), reasons


def test_a_load_process_at_its_limit_proves_nothing() -> None:
    seen = replace(well(), efforts=[Effort(busy_share=0.95, late_p99_ms=40.0)])
    verdict, reasons = judge(figures(seen), seen.records)
    assert verdict is Verdict.INCONCLUSIVE
    assert "load process" in reasons[0]
