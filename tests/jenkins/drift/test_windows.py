"""Which hours a check looks at: full days in UTC, none that the version knew."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from fraud.reference_profile import ReferenceProfile
from jenkins.drift.check import LAST_DAY, TODAY_SO_FAR, Check, WindowPlan, positive_rates
from jenkins.drift.policy import DriftPolicy

TODAY = dt.date(2026, 3, 1)


def spans(cutoff: dt.date, days: int = 7, now: dt.datetime | None = None) -> dict[str, tuple[str, str]]:
    plan = WindowPlan(TODAY, cutoff, days, own_only=False, label_maturity=dt.timedelta(), now=now)
    return {
        name: (f"{span.since:%m-%d %H:%M:%S%z}", f"{span.until:%m-%d %H:%M:%S%z}")
        for name, span in plan.spans().items()
    }


@pytest.mark.parametrize(
    ("cutoff", "day_begins", "week_begins"),
    [
        pytest.param(dt.date(2025, 1, 1), "02-28", "02-22", id="an old version"),
        pytest.param(dt.date(2026, 2, 25), "02-28", "02-25", id="a version of this week"),
        pytest.param(dt.date(2026, 3, 1), "03-01", "03-01", id="a version of today: no hour yet"),
        pytest.param(dt.date(2026, 4, 1), "03-01", "03-01", id="a check of a day before its version"),
    ],
)
def test_windows_end_at_midnight_and_begin_no_earlier_than_the_cutoff(
    cutoff: dt.date, day_begins: str, week_begins: str
) -> None:
    midnight, end = "00:00:00+0000", "03-01 00:00:00+0000"
    assert spans(cutoff) == {
        LAST_DAY: (f"{day_begins} {midnight}", end),
        "last 7 days": (f"{week_begins} {midnight}", end),
    }


@pytest.mark.parametrize(
    ("cutoff", "since"),
    [
        pytest.param(dt.date(2025, 1, 1), "03-01 00:00:00+0000", id="an old version: from midnight on"),
        pytest.param(TODAY, "03-01 00:00:00+0000", id="a version of today"),
        pytest.param(dt.date(2026, 3, 2), "03-01 15:30:00+0000", id="a version that knew today: no hour"),
    ],
)
def test_the_running_day_ends_now_and_leaves_the_full_days_as_they_are(cutoff: dt.date, since: str) -> None:
    now = dt.datetime(2026, 3, 1, 15, 30, tzinfo=dt.UTC)
    found = spans(cutoff, now=now)
    assert found.pop(TODAY_SO_FAR) == (since, "03-01 15:30:00+0000")
    assert found == spans(cutoff)


def test_all_looks_at_a_day_spend_no_more_than_a_full_day() -> None:
    profile = ReferenceProfile("", TODAY, TODAY, TODAY, 0, 0, 0, 0, [], [])
    plan = WindowPlan(TODAY, TODAY, 7, own_only=False, label_maturity=dt.timedelta())
    check = Check(profile, policy=DriftPolicy(alpha=0.001), plan=plan)
    spent = [check.after_looks(looks).policy.alpha for looks in range(50)]
    assert spent[:2] == [0.0005, 0.00025]
    assert sum(spent) <= 0.001


def test_a_bin_without_reference_rows_has_the_rate_of_the_nearest_that_has_some() -> None:
    rates = positive_rates(np.array([0, 10, 0, 0, 20, 0, 0]), np.array([0, 1, 0, 0, 10, 0, 0]))
    assert rates.tolist() == [0.1, 0.1, 0.1, 0.5, 0.5, 0.5, 0.5]
