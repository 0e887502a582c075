"""Agreement against figures that were worked out by hand."""

from __future__ import annotations

import pytest

from fraud.statistics.agreement import agreement, kappa

YES, NO = True, False
COHEN = [*[(YES, YES)] * 20, *[(YES, NO)] * 5, *[(NO, YES)] * 10, *[(NO, NO)] * 15]
"""Two raters of 50: they agree on 35; by chance on half."""


def test_kappa_is_agreement_beyond_chance() -> None:
    assert kappa(COHEN) == pytest.approx(0.4)
    share = agreement(COHEN)
    assert share is not None
    assert share.estimate == pytest.approx(0.7)
    assert (share.low, share.high) == pytest.approx((0.5625, 0.8090), abs=1e-4)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([(YES, YES), (NO, NO)], 1.0),
        ([(YES, NO), (NO, YES)], -1.0),
        ([(YES, YES), (YES, NO), (NO, YES), (NO, NO)], 0.0),
        ([(YES, YES)], None),
        ([], None),
    ],
)
def test_kappa_at_its_ends(pairs: list[tuple[bool, bool]], expected: float | None) -> None:
    assert kappa(pairs) == expected


def test_no_pairs_have_no_agreement() -> None:
    assert agreement([]) is None
