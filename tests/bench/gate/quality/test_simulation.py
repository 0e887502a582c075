"""The rule's error rates on simulated models whose true quality is known; the long tests have the full size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.gate.quality.rule import Rule
from bench.gate.quality.simulation import (
    REFRESH,
    World,
    promoted,
    separation_for,
    swaps_in_a_year,
    true_average_precision,
)
from fraud.statistics.average_precision import average_precision
from fraud.statistics.ranking import rank

SMALL = World(rows=4_000, resamples=300)


def test_the_true_average_precision_is_what_many_rows_give() -> None:
    rng = np.random.default_rng(1)
    labels = (rng.random(400_000) < 0.15).astype(np.int8)
    separation = separation_for(0.32, 0.15)
    found = average_precision(rank(labels, rng.normal(separation * labels)))
    assert found == pytest.approx(0.32, abs=0.005)
    assert true_average_precision(0.0, 0.15) == pytest.approx(0.15, abs=1e-6)


def test_equal_models_are_seldom_swapped() -> None:
    swaps = sum(promoted(SMALL, gain=0.0, trials=150, seed=1))
    assert swaps / 150 <= 0.05


def test_the_original_rule_swaps_equal_models_half_of_the_time() -> None:
    world = World(rows=4_000, resamples=10, rule=Rule.BETTER)
    assert np.mean(list(promoted(world, gain=0.0, trials=150, seed=1))) == pytest.approx(0.5, abs=0.13)


def test_a_gain_of_0_025_on_20_000_rows_is_promoted() -> None:
    assert sum(promoted(World(resamples=300), gain=0.025, trials=10, seed=1)) / 10 >= 0.9


def test_a_worse_model_is_not_promoted() -> None:
    assert not any(promoted(SMALL, gain=-0.02, trials=40, seed=1))


@pytest.mark.parametrize(
    ("change", "least", "most"),
    [
        pytest.param(-0.02, 0.0, 0.0, id="much worse"),
        pytest.param(-0.005, 0.0, 0.1, id="worse by the margin"),
        pytest.param(0.005, 0.8, 1.0, id="what newer applications bring"),
    ],
)
def test_refresh_ships_what_is_not_worse(change: float, least: float, most: float) -> None:
    world = replace(REFRESH, resamples=200)
    assert least <= sum(promoted(world, change, trials=20, seed=3)) / 20 <= most


def test_the_same_seed_gives_the_same_year() -> None:
    world = World(rows=1_500, resamples=100, level=0.2)
    first = swaps_in_a_year(world, seed=4)
    assert first == swaps_in_a_year(world, seed=4)
    assert any(swaps_in_a_year(world, seed) for seed in range(4)), "a lax level swaps now and then"
