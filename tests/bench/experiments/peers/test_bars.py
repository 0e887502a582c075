"""Ratios are taken round by round, between the right contenders."""

from __future__ import annotations

import pytest

from bench.experiments.engines.report import Bar
from bench.experiments.peers import contenders
from bench.experiments.peers.bars import best_of, latency_bar, memory_bars, paired_ratio, throughput_bars
from bench.experiments.peers.cores import Usage
from bench.experiments.peers.machine import Machine
from bench.experiments.peers.measurements import Latency, LatencyRun, Memory, Throughput, Window
from bench.experiments.peers.tables import bars_table

MACHINE = Machine("2026-01-01", "a processor", 2, "Linux", {})
MIB = 2**20


def window(number: int, contender: str, rows: int, requests: float, failures: int = 0) -> Window:
    return Window(
        round=number,
        contender=contender,
        rows=rows,
        requests=round(2 * requests - 0.5),
        failures=failures,
        seconds=2.0,
        log_lag_s=0.0,
        p50_ms=1.0,
        p99_ms=2.0,
        usage=Usage(0.9, 0.1, 0.0, 0.0),
    )


def test_the_request_that_is_being_answered_at_the_end_counts_half() -> None:
    one = window(0, "slow", 10, 0.75)
    assert one.requests == 1
    assert one.requests_per_s == pytest.approx(0.75)
    assert one.rows_per_s == pytest.approx(7.5)


def test_a_machine_that_slows_down_between_rounds_changes_no_ratio() -> None:
    windows = [window(number, "a", 100, 4_000 / slow) for number, slow in enumerate((1, 2, 4))]
    windows += [window(number, "b", 100, 1_000 / slow) for number, slow in enumerate((1, 2, 4))]
    ratio = paired_ratio(windows, "a", "b", 100)
    assert ratio is not None
    assert (ratio.low, ratio.median, ratio.high) == pytest.approx((4, 4, 4), rel=0.01)


def test_a_round_with_failures_or_without_a_partner_is_left_out() -> None:
    windows = [window(0, "a", 1, 30), window(1, "a", 1, 90, failures=1), window(2, "a", 1, 90)]
    windows += [window(0, "b", 1, 10), window(1, "b", 1, 10)]
    ratio = paired_ratio(windows, "a", "b", 1)
    assert ratio is not None
    assert ratio.high == pytest.approx(3, rel=0.1)


def test_a_window_without_an_answer_says_nothing_of_a_rate() -> None:
    windows = [window(0, "a", 1, 30), window(0, "b", 1, 0.25)]
    assert windows[1].requests == 0
    assert paired_ratio(windows, "a", "b", 1) is None


def test_without_a_shared_round_there_is_no_ratio() -> None:
    assert paired_ratio([window(0, "a", 1, 30), window(1, "b", 1, 10)], "a", "b", 1) is None


def test_the_peer_is_mlservers_fastest_form_at_that_size() -> None:
    windows = [
        window(0, contenders.MLSERVER_JSON, 1, 600),
        window(0, contenders.MLSERVER_BATCHED, 1, 800),
        window(0, contenders.MLSERVER_JSON, 100, 600),
        window(0, contenders.MLSERVER_BATCHED, 100, 500),
    ]
    assert best_of(windows, contenders.MLSERVER_JSON_FORMS, 1) == contenders.MLSERVER_BATCHED
    assert best_of(windows, contenders.MLSERVER_JSON_FORMS, 100) == contenders.MLSERVER_JSON
    assert best_of(windows, contenders.MLSERVER_JSON_FORMS, 1_000) is None


@pytest.mark.parametrize(("ours", "reached"), [(4_900, True), (4_700, False)])
def test_single_requests_are_promised_six_times_mlserver(ours: float, reached: bool) -> None:
    windows = [window(0, contenders.OBJECTS, 1, ours), window(0, contenders.MLSERVER_BATCHED, 1, 800)]
    stage = Throughput("S", MACHINE, 1, 2.0, windows, [])
    bar, *_ = throughput_bars(stage)
    assert isinstance(bar, Bar)
    assert bar.reached is reached
    assert bar.bound == 6


@pytest.mark.parametrize(
    ("ours", "bound", "rate", "reached"),
    [
        pytest.param(contenders.OBJECTS_UNLOGGED, 2.0, 2_050, True, id="log off, twice"),
        pytest.param(contenders.OBJECTS_UNLOGGED, 2.0, 1_950, False, id="log off, less"),
        pytest.param(contenders.OBJECTS, 1.5, 1_550, True, id="log on, one and a half times"),
        pytest.param(contenders.OBJECTS, 1.5, 1_450, False, id="log on, less"),
    ],
)
def test_single_requests_are_promised_more_than_mosec(ours: str, bound: float, rate: float, reached: bool) -> None:
    windows = [window(0, ours, 1, rate), window(0, contenders.MOSEC_JSON, 1, 1_000)]
    bars = [bar for bar in throughput_bars(Throughput("S", MACHINE, 1, 2.0, windows, [])) if "mosec" in bar.promise]
    assert [bar.promise.partition(": ")[2].partition(" / ")[0] for bar in bars] == [
        contenders.OBJECTS,
        contenders.OBJECTS_UNLOGGED,
    ]
    (bar,) = (bar for bar in bars if isinstance(bar, Bar))
    assert (bar.bound, bar.reached) == (bound, reached)


def test_a_promise_whose_windows_all_failed_is_missed_and_not_forgotten() -> None:
    windows = [window(0, contenders.OBJECTS, 1, 9_000, failures=1), window(0, contenders.MLSERVER_JSON, 1, 800)]
    stage = Throughput("S", MACHINE, 1, 2.0, windows, [])
    promise, *_ = bars_table(stage, None, None).rows
    assert promise[-1] == "missed"


def test_p99_is_promised_to_be_at_most_two_fifths() -> None:
    fast, slow = [float(n) for n in range(100)], [2.6 * n for n in range(100)]
    runs = [LatencyRun(0, contenders.OBJECTS, fast), LatencyRun(0, contenders.MLSERVER_JSON, slow)]
    bar = latency_bar(Latency("S", MACHINE, 100.0, 1_000, 1.0, runs))
    assert bar.ratio.median == pytest.approx(1 / 2.6)
    assert bar.reached


@pytest.mark.parametrize(
    ("sizes", "reached"),
    [
        pytest.param([300] * 60, (True, True), id="flat"),
        pytest.param([200] * 12 + [300] * 48, (True, True), id="grows in the first fifth only"),
        pytest.param([300 + n for n in range(60)], (True, False), id="grows for ever"),
        pytest.param([450] * 60, (False, True), id="flat, too much"),
    ],
)
def test_memory_must_be_small_and_flat(sizes: list[int], reached: tuple[bool, bool]) -> None:
    stage = Memory("S", MACHINE, 1.0, 10_000, 10, 0, [size * MIB for size in sizes])
    assert tuple(bar.reached for bar in memory_bars(stage)) == reached
