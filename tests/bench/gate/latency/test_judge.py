"""The verdict on latency, from made-up windows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bench.gate.latency.judge import LatencyRule, Pair, is_void, judge
from bench.gate.latency.load_plan import KindSamples, RequestKind, WindowSamples
from fraud.verdict import Verdict

KINDS = (
    RequestKind("single", rows=1, requests_per_s=50.0, users=1),
    RequestKind("batch", rows=100, requests_per_s=20.0, users=1),
)
RULE = LatencyRule(max_ratio=1.1, too_noisy_ratio=2.0, max_p99_us={})
PLANNED = 100


def window(
    slowness: float = 1.0, *, seed: int = 0, sent: int = PLANNED, errors: int = 0, late: bool = False
) -> WindowSamples:
    generator = np.random.default_rng(seed)

    def kind() -> KindSamples:
        latencies = slowness * generator.lognormal(7.0, 0.2, size=sent)
        return KindSamples(PLANNED, latencies.tolist(), ["answered 503"] * errors)

    return WindowSamples({"single": kind(), "batch": kind()}, late)


def pairs(make: Callable[[int], tuple[WindowSamples, WindowSamples]], count: int = 8) -> list[Pair]:
    return [Pair(*make(number)) for number in range(count)]


def test_servers_that_are_alike_pass() -> None:
    report = judge(pairs(lambda n: (window(seed=n), window(seed=100 + n))), KINDS, RULE)
    assert report.verdict is Verdict.PASS
    assert [kind.name for kind in report.kinds] == ["single", "batch"]
    assert report.pairs == 8
    assert report.void_windows == (0, 0)


def test_a_slow_candidate_fails_and_the_reason_names_what_is_slow() -> None:
    def one(number: int) -> tuple[WindowSamples, WindowSamples]:
        champion, candidate = window(seed=number), window(seed=100 + number)
        candidate.kinds["batch"].latencies_us = [1.3 * value for value in candidate.kinds["batch"].latencies_us]
        return champion, candidate

    report = judge(pairs(one), KINDS, RULE)
    assert report.verdict is Verdict.FAIL
    assert all(reason.startswith("batch: ") for reason in report.reasons)
    assert "above 1.10" in report.reasons[0]


def test_a_fast_candidate_passes() -> None:
    assert judge(pairs(lambda n: (window(seed=n), window(0.5, seed=n))), KINDS, RULE).verdict is Verdict.PASS


def test_noise_that_hides_a_doubling_can_not_be_judged() -> None:
    report = judge(pairs(lambda n: (window(seed=n), window(3.0 if n == 0 else 1.0, seed=n))), KINDS, RULE)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "too noisy to rule out 2.00" in report.reasons[0]


def test_a_median_above_the_bound_is_neither_passed_nor_failed_while_it_is_in_doubt() -> None:
    def with_same_tail(made: WindowSamples) -> WindowSamples:
        for kind in made.kinds.values():
            kind.latencies_us = [*np.sort(kind.latencies_us)[:-5].tolist(), *[9_999.0] * 5]
        return made

    def slow_in_every_other(number: int) -> tuple[WindowSamples, WindowSamples]:
        champion, candidate = window(seed=number), window(1.3 if number % 2 else 1.0, seed=100 + number)
        return with_same_tail(champion), with_same_tail(candidate)

    report = judge(pairs(slow_in_every_other), KINDS, RULE)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert report.kinds[0].p50_ratio.low <= RULE.max_ratio < report.kinds[0].p50_ratio.estimate
    assert "above 1.10, but not beyond doubt" in report.reasons[0]


def test_an_absolute_objective_holds_whatever_the_champion_does() -> None:
    rule = LatencyRule(max_ratio=1.1, too_noisy_ratio=2.0, max_p99_us={"single": 500.0})
    report = judge(pairs(lambda n: (window(seed=n), window(seed=n))), KINDS, rule)
    assert report.verdict is Verdict.FAIL
    assert report.reasons == (report.reasons[0],)
    assert "single: p99 is" in report.reasons[0]
    assert "above 0.50 ms" in report.reasons[0]


def test_one_error_of_the_candidate_fails_it() -> None:
    report = judge(pairs(lambda n: (window(seed=n), window(seed=n, errors=int(n == 3)))), KINDS, RULE)
    assert report.verdict is Verdict.FAIL
    assert "2 of the candidate's answers were errors, the first: answered 503" in report.reasons[0]


def test_errors_of_both_are_not_the_candidate_s_fault() -> None:
    report = judge(pairs(lambda n: (window(seed=n, errors=1), window(seed=n, errors=1))), KINDS, RULE)
    assert report.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("samples", "void"),
    [
        pytest.param(window(), False, id="all sent"),
        pytest.param(window(sent=99), False, id="99% sent"),
        pytest.param(window(sent=98), True, id="less than 99% sent"),
        pytest.param(window(late=True), True, id="started late"),
    ],
)
def test_a_window_that_missed_its_rate_is_void(samples: WindowSamples, *, void: bool) -> None:
    assert is_void(samples) is void


def test_void_windows_do_not_count() -> None:
    def one(number: int) -> tuple[WindowSamples, WindowSamples]:
        return window(seed=number), window(100.0 if number == 0 else 1.0, seed=number, sent=50 if number == 0 else 100)

    report = judge(pairs(one), KINDS, RULE)
    assert report.verdict is Verdict.PASS
    assert (report.pairs, report.void_windows) == (7, (0, 1))


def busy(number: int, **of_candidate: object) -> tuple[WindowSamples, WindowSamples]:
    """A machine that is busy during the first pair, in which the candidate's window is void."""
    if number > 0:
        return window(seed=number), window(seed=number)
    return window(seed=number), window(seed=number, **of_candidate)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(lambda n: busy(n, sent=50, errors=3), id="errors of a window that missed its rate"),
        pytest.param(lambda n: busy(n, late=True, errors=3), id="errors of a window that began late"),
        pytest.param(
            lambda n: (window(seed=n, sent=50 if n == 0 else PLANNED), window(seed=n, errors=int(n == 0))),
            id="errors beside a champion's window that missed its rate",
        ),
    ],
)
def test_errors_of_windows_that_do_not_count_reject_nobody(
    one: Callable[[int], tuple[WindowSamples, WindowSamples]],
) -> None:
    report = judge(pairs(one), KINDS, RULE)
    assert (report.verdict, report.errors, report.pairs) == (Verdict.PASS, (), 7)


@pytest.mark.parametrize(
    "of_counted",
    [
        pytest.param({"errors": 2}, id="errors"),
        pytest.param({"slowness": 3.0}, id="slow"),
    ],
)
def test_few_windows_of_a_busy_machine_reject_nobody(of_counted: dict[str, float]) -> None:
    """Both sides missed their rate in three of four windows; what the fourth shows is the machine."""

    def one(number: int) -> tuple[WindowSamples, WindowSamples]:
        if number % 4:
            return window(seed=number, sent=50, errors=5), window(seed=number, sent=50, errors=5)
        return window(seed=number), window(seed=number, **of_counted)  # type: ignore[arg-type]

    report = judge(pairs(one), KINDS, RULE)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert report.reasons[0].startswith("only 2 of 8 pairs of windows reached their rate: the machine is busy")


def test_windows_that_began_late_are_not_the_candidate_s_fault() -> None:
    report = judge(pairs(lambda n: (window(seed=n), window(seed=n, late=True, sent=60)), count=16), KINDS, RULE)
    assert report.verdict is Verdict.INCONCLUSIVE


def test_a_candidate_that_can_not_keep_up_where_the_champion_can_fails() -> None:
    report = judge(pairs(lambda n: (window(seed=n), window(seed=n, sent=60 + 40 * (n % 2))), count=16), KINDS, RULE)
    assert report.verdict is Verdict.FAIL
    assert "missed its rate in 8 of 16 windows, the champion in 0" in report.reasons[0]


@pytest.mark.parametrize("count", [1, 2, 8])
def test_a_candidate_that_missed_its_rate_by_chance_is_not_judged_yet(count: int) -> None:
    """A busy machine voids either side's windows."""
    report = judge(pairs(lambda n: (window(seed=n), window(seed=n, sent=60 + 40 * (n % 2))), count=count), KINDS, RULE)
    assert report.verdict is Verdict.INCONCLUSIVE


def test_a_candidate_that_never_keeps_up_fails_after_the_fewest_pairs() -> None:
    report = judge(pairs(lambda n: (window(seed=n), window(seed=n, sent=60))), KINDS, RULE)
    assert report.verdict is Verdict.FAIL


def test_a_machine_that_can_not_keep_up_can_not_judge() -> None:
    report = judge(pairs(lambda n: (window(seed=n, sent=50), window(seed=n, sent=50))), KINDS, RULE)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "only 0 of 8 pairs of windows reached their rate" in report.reasons[0]
    assert report.kinds == ()
