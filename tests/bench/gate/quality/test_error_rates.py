"""The rule's error rates in full size: minutes, so `make test-long` only."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.gate.quality.power import draw, power_point, yearly_error
from bench.gate.quality.simulation import World

pytestmark = pytest.mark.long


@pytest.mark.parametrize("correlation", [0.8, 0.95])
def test_equal_models_are_swapped_in_at_most_5_percent(correlation: float) -> None:
    found = power_point(World(correlation=correlation), gain=0.0, trials=200, seed=1)
    assert found.promoted.estimate <= 0.05


@pytest.mark.parametrize("correlation", [0.8, 0.9, 0.95])
def test_a_gain_of_0_025_is_promoted_in_at_least_90_percent(correlation: float) -> None:
    found = power_point(World(correlation=correlation), gain=0.025, trials=100, seed=2)
    assert found.promoted.estimate >= 0.9


def test_the_default_level_keeps_the_yearly_error_low_where_5_percent_does_not() -> None:
    strict, lax = yearly_error(0.01, years=100, seed=1), yearly_error(0.05, years=100, seed=1)
    assert strict.estimate <= 0.2
    assert lax.estimate >= 0.3
    assert strict.high < lax.low


def test_the_power_curve_is_a_png(tmp_path: Path) -> None:
    path = tmp_path / "power.png"
    points = [power_point(World(rows=2_000, resamples=100), gain, trials=5, seed=1) for gain in (0.0, 0.1)]
    draw(points, path)
    assert path.read_bytes().startswith(b"\x89PNG")
