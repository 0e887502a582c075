"""What the monitor promises, as scenarios with the share of alarms that each may or must raise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fraud.features import FEATURE_COUNT
from jenkins.drift.evaluation.simulation.changes import (
    Scenario,
    each_feature,
    missing,
    new_wave,
    older,
    out_of_range,
    with_blanks,
)
from jenkins.drift.evaluation.simulation.world import World
from jenkins.drift.evaluation.simulation.year import DAYS_A_YEAR

ONCE_A_YEAR: Final = 1 / DAYS_A_YEAR
"""Of daily checks. One reference serves for months, and its extremes are what they are: where a longer tail of the
population lies beyond them, three rows of 1,000 do more often than with another reference, and three must alarm, as
with four the alarm on 1% beyond the range would be missed in more than 1% of all checks."""


@dataclass(frozen=True, slots=True)
class Promise:
    """A scenario, and the share of checks that raise an alarm."""

    scenario: Scenario
    at_least: float = 0.0
    at_most: float = 1.0

    def __str__(self) -> str:
        """The bound, as a table shows it."""
        return f"at most {self.at_most:.2%}" if self.at_least == 0 else f"at least {self.at_least:.2%}"


def promises(world: World) -> tuple[Promise, ...]:
    """No alarm without a change; an alarm on each change that matters."""
    wave, beyond, blanks = new_wave(world), each_feature(world, out_of_range), with_blanks(world)
    gaps = each_feature(world, missing, [feature for feature in range(FEATURE_COUNT) if feature not in blanks])
    more_gaps = each_feature(world, missing, sorted(blanks))
    return (
        Promise(Scenario("no change", 1_000, 0.0, ()), at_most=0.002),
        Promise(Scenario("no change", 10_000, 0.0, ()), at_most=0.002),
        Promise(Scenario("no change, applications unseen", 1_000, 1.0, (world.fresh,)), at_most=ONCE_A_YEAR),
        Promise(Scenario("new wave: 20% of the requests", 1_000, 0.2, (wave,)), at_least=0.995),
        Promise(Scenario("everybody older by 0.25 sd", 1_000, 1.0, (older(world, 0.25),)), at_least=0.95),
        Promise(Scenario("everybody older by 0.15 sd", 10_000, 1.0, (older(world, 0.15),)), at_least=0.95),
        Promise(Scenario("1% of a feature missing that was always there", 1_000, 0.01, gaps), at_least=0.99),
        Promise(Scenario("10% more of a feature missing that has blanks", 1_000, 0.1, more_gaps), at_least=0.99),
        Promise(Scenario("1% of a feature out of range", 1_000, 0.01, beyond), at_least=0.99),
    )
