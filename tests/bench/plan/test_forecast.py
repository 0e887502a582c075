from __future__ import annotations

import numpy as np
import pytest

from bench.plan.forecast import EVERYBODY, Price, Seen, forecast, threshold_for
from fraud.statistics.recalibration import Recalibration

AS_GIVEN = Recalibration(np.array([0.0, 1.0]), 1e-12 * np.eye(2))
FIRST = np.datetime64("2026-01-01")


def seen(number: int = 2_800, days: int = 28, seed: int = 1) -> Seen:
    rng = np.random.default_rng(seed)
    day = FIRST + np.sort(rng.integers(days, size=number)).astype("timedelta64[D]")
    probabilities = rng.beta(1, 6, number).astype(np.float32)
    return Seen(probabilities, day, {"odd": np.arange(number) % 2 == 1}, FIRST, days)


@pytest.mark.parametrize(
    ("probabilities", "reviews", "threshold"),
    [
        ([0.1, 0.3, 0.2, 0.4], 2, 0.3),
        ([0.4, 0.3, 0.3, 0.1], 2, 0.4),
        ([0.3, 0.3, 0.3], 2, np.nextafter(np.float32(1), np.float32(2))),
        ([0.3, 0.2], 5, 0.2),
        ([0.3, 0.2], 0, np.nextafter(np.float32(1), np.float32(2))),
        ([], 3, np.inf),
    ],
    ids=["highest", "ties would exceed", "all tied", "room for all", "nobody", "no applications"],
)
def test_threshold_never_has_more_reviewed_than_the_capacity(
    probabilities: list[float], reviews: int, threshold: float
) -> None:
    assert threshold_for(np.array(probabilities, np.float32), reviews) == np.float32(threshold)


def test_expected_figures_are_sums_over_the_reviewed() -> None:
    given = seen()
    (choice,) = forecast(given, AS_GIVEN, [40], Price(100, 3_000), days_ahead=28, rng=np.random.default_rng(1))
    reviewed = given.probabilities >= np.float32(choice.threshold)
    assert reviewed.sum() == 160
    found = given.probabilities[reviewed].astype(float).sum() / 4
    expected = choice.expected
    assert expected.reviewed.estimate == 40
    assert expected.found.estimate == pytest.approx(found)
    assert expected.wrongly_suspected.estimate == pytest.approx(40 - found)
    assert expected.euros.estimate == pytest.approx(3_000 * found - 4_000)
    odd = choice.by_group["odd"]
    assert odd.reviewed.estimate == (reviewed & given.groups["odd"]).sum() / 4


def test_bands_hold_the_estimates_and_narrow_with_the_weeks_ahead() -> None:
    given = seen()
    widths = []
    for days in (7, 28, 112):
        (choice,) = forecast(given, AS_GIVEN, [40], Price(1, 1), days_ahead=days, rng=np.random.default_rng(1))
        for expected in choice.by_group.values():
            for band in (expected.reviewed, expected.found, expected.wrongly_suspected, expected.euros):
                assert band.low <= band.estimate <= band.high
        widths.append(choice.expected.found.high - choice.expected.found.low)
    assert widths == sorted(widths, reverse=True)


def test_days_that_differ_widen_the_bands() -> None:
    even = seen()
    uneven = Seen(even.probabilities, even.days - (even.days - FIRST) % np.timedelta64(14, "D"), even.groups, FIRST, 28)
    (usual,), (busy,) = (
        forecast(one, AS_GIVEN, [40], Price(1, 1), days_ahead=28, rng=np.random.default_rng(1))
        for one in (even, uneven)
    )
    assert busy.expected.reviewed.high > usual.expected.reviewed.high + 5


def test_uncertain_probabilities_widen_the_bands() -> None:
    unsure = Recalibration(AS_GIVEN.line, 0.1 * np.eye(2))
    (sure_choice,), (unsure_choice,) = (
        forecast(seen(), known, [40], Price(1, 1), days_ahead=28, rng=np.random.default_rng(1))
        for known in (AS_GIVEN, unsure)
    )
    assert unsure_choice.expected.found.high > sure_choice.expected.found.high
    assert unsure_choice.expected.found.low < sure_choice.expected.found.low


def test_nobody_is_reviewed_where_there_is_no_capacity() -> None:
    (choice,) = forecast(seen(), AS_GIVEN, [0], Price(1, 1), days_ahead=7, rng=np.random.default_rng(1))
    assert choice.threshold > 1
    assert choice.by_group[EVERYBODY].reviewed.high == 0
