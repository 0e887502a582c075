"""A year of daily checks without any change, each of the last day and of the last seven."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

from jenkins.drift.evaluation.simulation.changes import Scenario, draw
from jenkins.drift.evaluation.simulation.rules import Rule
from jenkins.drift.evaluation.simulation.world import Applications, World

DAYS_A_WEEK: Final = 7
DAYS_A_YEAR: Final = 365
REQUESTS_A_DAY: Final = 1_000


def false_alarm_days(world: World, rule: Rule, days: int, rng: np.random.Generator) -> int:
    """The number of days on which either window raises an alarm."""
    week: deque[Applications] = deque(maxlen=DAYS_A_WEEK)
    alarms = 0
    for day in draw(world, Scenario("no change", REQUESTS_A_DAY, 0.0, ()), days, rng):
        week.append(day)
        alarms += rule(day) or rule(Applications.together(week))
    return alarms
