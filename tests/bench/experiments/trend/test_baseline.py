"""What a count of instructions means beside the one that is kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.experiments.trend.baseline import Baseline, judge, read_baseline, write_baseline
from bench.experiments.trend.callgrind import LIBRARIES
from bench.experiments.trend.workloads import WORKLOADS
from fraud.verdict import Verdict

HERE = {"processor": "AVX2 SSE2", "python": "3.11.7", "valgrind": "valgrind-3.19.0"}
KEPT = Baseline("abc1234", HERE, {"/predict": 100_000.0, "forest, 1 row": 20_000.0})


@pytest.mark.parametrize(
    ("surroundings", "now", "verdict", "told"),
    [
        pytest.param(HERE, {"/predict": 100_000.0}, Verdict.PASS, [], id="the same"),
        pytest.param(HERE, {"/predict": 102_900.0}, Verdict.PASS, [], id="less than 3% more"),
        pytest.param(HERE, {"/predict": 50_000.0}, Verdict.PASS, [], id="less"),
        pytest.param(
            HERE, {"/predict": 103_100.0, "forest, 1 row": 20_000.0}, Verdict.FAIL, ["/predict: +3.1%"], id="more"
        ),
        pytest.param(
            HERE,
            {"/predict": 104_000.0, "new": 1.0},
            Verdict.FAIL,
            ["/predict: +4.0%"],
            id="more, and one that nothing is kept of",
        ),
        pytest.param(
            HERE, {"new": 1.0}, Verdict.INCONCLUSIVE, ["new: nothing is kept of it: --write keeps it"], id="a new one"
        ),
        pytest.param(
            HERE | {"python": "3.12.1"},
            {"/predict": 200_000.0},
            Verdict.INCONCLUSIVE,
            ["counted with python 3.12.1, kept is 3.11.7: --write keeps new counts"],
            id="another Python",
        ),
        pytest.param(
            HERE | {"processor": "SSE2"},
            {"/predict": 200_000.0},
            Verdict.INCONCLUSIVE,
            ["counted with processor SSE2, kept is AVX2 SSE2: --write keeps new counts"],
            id="another kind of processor",
        ),
    ],
)
def test_only_a_workload_that_costs_more_fails(
    surroundings: Mapping[str, str], now: Mapping[str, float], verdict: Verdict, told: list[str]
) -> None:
    assert judge(KEPT, surroundings, now) == (verdict, told)


def test_a_baseline_is_kept(tmp_path: Path) -> None:
    write_baseline(KEPT, tmp_path / "baseline.json")
    assert read_baseline(tmp_path / "baseline.json") == KEPT


def test_the_counts_in_the_code_are_of_all_workloads() -> None:
    kept = read_baseline()
    assert kept.instructions.keys() == WORKLOADS.keys()
    assert {*LIBRARIES, "python", "valgrind", "processor", "libc"} < kept.surroundings.keys()
    assert all(count > 1_000 for count in kept.instructions.values())
