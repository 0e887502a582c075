"""The permutation test calls chance by its name as often as its level says, and sees a weak signal."""

from __future__ import annotations

import numpy as np

from fraud.statistics.permutation import chance_p_value


def test_chance_is_called_better_no_more_often_than_the_level() -> None:
    rng = np.random.default_rng(3)
    p_values = []
    for _ in range(200):
        labels = (np.arange(400) < 40).astype(np.int8)
        # Three distinct scores: ties are what a simpler test gets wrong.
        p_values.append(chance_p_value(labels, rng.integers(0, 3, 400).astype(float), rng, permutations=99))
    assert 0 < np.mean(np.array(p_values) <= 0.1) <= 0.15


def test_a_weak_signal_is_seen() -> None:
    rng = np.random.default_rng(3)
    labels = (np.arange(4_000) < 320).astype(np.int8)
    assert chance_p_value(labels, rng.normal(0.4 * labels), rng, permutations=199) == 1 / 200


def test_a_reversed_ranking_is_not_better() -> None:
    rng = np.random.default_rng(3)
    labels = (np.arange(1_000) < 80).astype(np.int8)
    assert chance_p_value(labels, -rng.normal(labels), rng, permutations=99) > 0.9
