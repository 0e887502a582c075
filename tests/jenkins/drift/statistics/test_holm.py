"""Holm's correction: its step-down definition, and the share of families with a false alarm."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jenkins.drift.statistics.holm import holm


def rejected(p_values: list[float], level: float) -> set[int]:
    """Step down from the smallest, each against the level over the number of those left, and stop at the first."""
    found: set[int] = set()
    for step, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        if p_values[place] * (len(p_values) - step) > level:
            break
        found.add(place)
    return found


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0.0001, 0.5))
def test_rejects_what_the_definition_rejects(p_values: list[float], level: float) -> None:
    assert set(np.flatnonzero(holm(p_values) <= level)) == rejected(p_values, level)


def test_by_hand() -> None:
    assert holm([0.04, 0.01, 0.03, 0.005]).tolist() == [0.06, 0.03, 0.06, 0.02]


def test_false_alarms_of_a_family_keep_the_level() -> None:
    families = np.random.default_rng(4).random((5_000, 40))
    share = np.mean([holm(family).min() <= 0.05 for family in families])
    assert 0.04 < share < 0.06


def test_no_test_no_figure() -> None:
    assert holm([]).size == 0
