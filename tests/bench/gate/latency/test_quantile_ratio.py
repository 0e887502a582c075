"""Ratios of latency quantiles: exact where they can be, with intervals that tell a noisy machine from a slow model."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.gate.latency.quantile_ratio import quantile_ratio

TRIALS = 200


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def windows(
    generator: np.random.Generator, count: int, slowness: float = 1.0, samples: int = 120
) -> list[NDArray[np.float64]]:
    """Latencies as a shared machine gives them: log-normal, with a level of each window's own and rare stalls."""
    levels = generator.lognormal(0.0, 0.15, size=count)
    found = []
    for level in levels:
        latencies = slowness * level * generator.lognormal(np.log(1_000), 0.25, size=samples)
        latencies[generator.random(samples) < 0.01] *= 8
        found.append(latencies)
    return found


@pytest.mark.parametrize("quantile", [0.5, 0.99])
def test_a_server_is_as_fast_as_itself(quantile: float) -> None:
    same = windows(rng(), 6)
    ratio = quantile_ratio(same, same, quantile, rng())
    assert (ratio.estimate, ratio.low, ratio.high) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("quantile", [0.5, 0.99])
def test_a_constant_factor_is_found_exactly(quantile: float) -> None:
    champion = windows(rng(), 6)
    ratio = quantile_ratio(champion, [1.25 * window for window in champion], quantile, rng())
    assert ratio.estimate == pytest.approx(1.25)
    assert ratio.low == pytest.approx(1.25)
    assert ratio.high == pytest.approx(1.25)


def test_the_quantile_is_the_one_that_numpy_finds() -> None:
    champion, candidate = windows(rng(1), 5, samples=101), windows(rng(2), 5, samples=77)
    for quantile in (0.5, 0.9, 0.99):
        expected = np.quantile(np.concatenate(candidate), quantile, method="inverted_cdf") / np.quantile(
            np.concatenate(champion), quantile, method="inverted_cdf"
        )
        assert quantile_ratio(champion, candidate, quantile, rng()).estimate == pytest.approx(expected)


def test_windows_and_not_samples_are_what_is_drawn() -> None:
    """Two levels, each constant within its window: a resample of samples would hide how little is known."""
    champion = [np.full(1_000, 1.0), np.full(1_000, 1.0)]
    candidate = [np.full(1_000, 1.0), np.full(1_000, 3.0)]
    ratio = quantile_ratio(champion, candidate, 0.5, rng())
    assert (ratio.low, ratio.high) == (1.0, 3.0)


def test_equal_servers_on_a_noisy_machine_are_hardly_ever_told_apart() -> None:
    lows = []
    for trial in range(TRIALS):
        generator = rng(trial)
        ratio = quantile_ratio(windows(generator, 8), windows(generator, 8), 0.5, generator, resamples=400)
        lows.append(ratio.low)
    assert np.mean(np.array(lows) > 1.10) <= 0.02


def test_a_server_that_is_slower_by_thirty_percent_is_found() -> None:
    lows = []
    for trial in range(TRIALS):
        generator = rng(trial)
        ratio = quantile_ratio(windows(generator, 24), windows(generator, 24, 1.3), 0.5, generator, resamples=400)
        lows.append(ratio.low)
    assert np.mean(np.array(lows) > 1.10) >= 0.9


@pytest.mark.parametrize(
    ("champion", "candidate"),
    [
        pytest.param([], [], id="no windows"),
        pytest.param([np.ones(3)], [np.ones(3), np.ones(3)], id="not as many of both"),
        pytest.param([np.ones(3)], [np.empty(0)], id="a window without samples"),
    ],
)
def test_incomparable_samples_are_refused(
    champion: list[NDArray[np.float64]], candidate: list[NDArray[np.float64]]
) -> None:
    with pytest.raises(ValueError, match="window"):
        quantile_ratio(champion, candidate, 0.5, rng())
