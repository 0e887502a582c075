"""Slopes and bends of curves."""

from __future__ import annotations

import pytest

from bench.experiments.scale.curve import Curve
from bench.experiments.scale.plot import told

X = (1.0, 10.0, 100.0, 1_000.0, 10_000.0)


def curve(*y: float) -> Curve:
    return Curve("name", "title", "x", "y", X[: len(y)], y)


@pytest.mark.parametrize(
    ("y", "slope"),
    [
        pytest.param((2.0, 20.0, 200.0, 2_000.0, 20_000.0), 1.0, id="in proportion"),
        pytest.param((7.0, 7.0, 7.0, 7.0, 7.0), 0.0, id="flat"),
        pytest.param((8.0, 0.8, 0.08, 0.008), -1.0, id="inverse"),
    ],
)
def test_straight_curve_has_a_slope_and_no_bend(y: tuple[float, ...], slope: float) -> None:
    found = curve(*y)
    assert found.slope == pytest.approx(slope, abs=1e-9)
    assert found.bend is None
    assert told(found).startswith("slope")


def test_bend_is_where_the_slope_changes() -> None:
    bend = curve(5.0, 50.0, 500.0, 500.0, 500.0).bend
    assert bend is not None
    assert bend.at == 100.0
    assert (bend.before, bend.after) == pytest.approx((1.0, 0.0))


def test_noise_is_no_bend() -> None:
    assert curve(1.0, 11.0, 96.0, 1_020.0, 9_900.0).bend is None


def test_too_few_points_have_neither() -> None:
    assert curve(3.0).slope is None
    assert told(curve(3.0)) == "one point"
    assert curve(1.0, 10.0, 10.0).bend is None
