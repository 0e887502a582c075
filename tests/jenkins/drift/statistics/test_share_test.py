"""The exact test of a share, against an enumeration of all outcomes in whole numbers."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jenkins.drift.statistics.share_test import share_test


def enumerated(reference_hits: int, reference_rows: int, current_hits: int, current_rows: int) -> float:
    """Fisher's definition: the chance of all outcomes with these margins that are no likelier than this one."""
    hits = reference_hits + current_hits
    chances = {
        now: comb(current_rows, now) * comb(reference_rows, hits - now)
        for now in range(max(0, hits - reference_rows), min(hits, current_rows) + 1)
    }
    no_likelier = sum(chance for chance in chances.values() if chance <= chances[current_hits])
    return float(Fraction(no_likelier, sum(chances.values())))


sample = st.integers(1, 60).flatmap(lambda rows: st.tuples(st.integers(0, rows), st.just(rows)))


@given(sample, sample)
@settings(max_examples=300, deadline=None)
def test_equals_the_enumeration(reference: tuple[int, int], current: tuple[int, int]) -> None:
    assert share_test(*reference, *current) == pytest.approx(enumerated(*reference, *current), rel=1e-9)


def test_ten_missing_of_a_thousand_where_none_were() -> None:
    assert share_test(0, 107_000, 10, 1_000) == pytest.approx(enumerated(0, 107_000, 10, 1_000), rel=1e-9)
    assert share_test(0, 107_000, 10, 1_000) < 1e-19


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ((0, 100, 0, 10), "no hit"),
        ((100, 100, 10, 10), "all are hits"),
        ((3, 100, 0, 0), "nothing came in"),
    ],
)
def test_nothing_to_tell(counts: tuple[int, int, int, int], reason: str) -> None:
    assert share_test(*counts) == 1.0, reason


@pytest.mark.parametrize("counts", [(11, 10, 0, 10), (0, 10, -1, 10)])
def test_refuses_what_is_no_share(counts: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="no shares"):
        share_test(*counts)
