"""Instructions are counted alike each time, whatever else the machine does."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from bench.experiments.trend.callgrind import count, prepare
from bench.experiments.trend.errors import TrendError
from tests.required_tools import need_program


@pytest.mark.long
def test_a_workload_is_counted_alike_twice(tmp_path: Path) -> None:
    need_program("valgrind", package="valgrind")
    environment = prepare(tmp_path)
    counted = [count(["/predict"], tmp_path, environment) for _ in range(2)]
    assert counted[0].processor == counted[1].processor
    assert "SSE2" in counted[0].processor or platform.machine() != "x86_64"
    first, second = (counts.by_workload["/predict"] for counts in counted)
    assert first.instructions > 10_000
    assert second.instructions == pytest.approx(first.instructions, rel=0.01)
    assert "%" in first.profile


def test_missing_valgrind_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TrendError, match="apt install valgrind"):
        count(["/predict"], tmp_path, {})
