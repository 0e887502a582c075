"""How often the monitor cries wolf, and how surely it finds a change: simulated on the reference applications.

The short runs try hundreds of windows and bound what they can show at that number; `make test-long` tries thousands and
holds each promise as it is given.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from jenkins.drift.evaluation.simulation.changes import Scenario, draw, each_feature, missing, older
from jenkins.drift.evaluation.simulation.curves import PANELS, curves
from jenkins.drift.evaluation.simulation.promises import Promise, promises
from jenkins.drift.evaluation.simulation.rules import evidently_rule, original_psi_rule, our_rule
from jenkins.drift.evaluation.simulation.world import World
from jenkins.drift.evaluation.simulation.year import DAYS_A_YEAR, false_alarm_days

PROMISES = 9
SHORT_CHECKS = 300
SHORT_SLACK = 0.01
"""Three alarms too many or too few in 300: six times what the promised rates let expect, and no more."""

LONG_CHECKS = 10_000
YEARS = 10


def share_of_alarms(world: World, promise: Promise, checks: int) -> float:
    rng = np.random.default_rng(3)
    rule = our_rule(world)
    return float(np.mean([rule(window) for window in draw(world, promise.scenario, checks, rng)]))


@pytest.mark.parametrize("number", range(PROMISES))
def test_promises_in_short(world: World, number: int) -> None:
    promise = promises(world)[number]
    share = share_of_alarms(world, promise, SHORT_CHECKS)
    assert promise.at_least - SHORT_SLACK <= share <= promise.at_most + SHORT_SLACK, promise


def test_all_promises_are_tried(world: World) -> None:
    assert len(promises(world)) == PROMISES


@pytest.mark.long
@pytest.mark.parametrize("number", range(PROMISES))
def test_promises(world: World, number: int) -> None:
    promise = promises(world)[number]
    assert promise.at_least <= share_of_alarms(world, promise, LONG_CHECKS) <= promise.at_most, promise


@pytest.mark.long
def test_less_than_one_false_alarm_a_year_with_a_daily_and_a_weekly_window(world: World) -> None:
    alarms = false_alarm_days(world, our_rule(world), YEARS * DAYS_A_YEAR, np.random.default_rng(5))
    assert alarms < YEARS


def test_the_original_never_sees_what_is_missing(world: World) -> None:
    scenario = Scenario("all missing", 1_000, 1.0, each_feature(world, missing))
    rule = original_psi_rule(world)
    assert not any(rule(window) for window in draw(world, scenario, 10, np.random.default_rng(1)))


def test_evidentlys_distance_is_the_shift_of_a_shifted_variable(world: World) -> None:
    """A shift by 0.2 standard deviations is a distance of 0.2: far over 0.1, and 0.02 is far under."""
    rule, rng = evidently_rule(world), np.random.default_rng(1)
    windows = [
        [rule(window) for window in draw(world, Scenario("", 10_000, 1.0, (older(world, size),)), 20, rng)]
        for size in (0.2, 0.02)
    ]
    assert all(windows[0])
    assert not any(windows[1])


@pytest.mark.long
def test_power_grows_with_the_change(world: World) -> None:
    """And at no change the monitor is silent, where Evidently's default on any feature is not."""
    rules = {"ours": our_rule(world), "evidently": evidently_rule(world)}
    for panel in PANELS:
        found = curves(world, panel, rules, 200, np.random.default_rng(2))
        ours = [share.estimate for share in found["ours"]]
        assert ours[0] <= 0.005
        assert ours[-1] == 1.0, panel.title
        assert all(after >= before - 0.05 for before, after in itertools.pairwise(ours))
        assert found["evidently"][0].estimate > ours[0]
