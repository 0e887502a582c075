"""One check: the last full day and the last full days together, beside the reference of the version in production.

The running day is looked at only when somebody asks. Its rows are tested again the next day, as part of a full day, and
that test is what it always was: it neither counts nor spares what was seen before. So a look at the running day is one
more chance of a false alarm, and all looks of a day together get as much of it as a full day has: the first half of
`DRIFT_ALPHA`, the next a quarter, and so on (alpha spending; by Bonferroni's inequality, whatever was looked at twice).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.reference_profile import PREDICTION, ReferenceProfile
from fraud.statistics.expected_performance import expected_performance
from jenkins.drift.counts import LabelCounts, VariableCounts
from jenkins.drift.judgement import Taught, judge, nothing_taught
from jenkins.drift.logged_applications import Applications, LoggedApplications, Span
from jenkins.drift.policy import DriftPolicy
from jenkins.drift.result import EarlierCheck, PerformanceEstimate, WindowDrift

DAY: Final = dt.timedelta(days=1)
LAST_DAY: Final = "last day"
TODAY_SO_FAR: Final = "today so far"


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """Which applications a check looks at."""

    today: dt.date
    """Full days (UTC) before this one."""
    cutoff: dt.date
    """None before: the version knew those."""
    days: int
    """Of the longer window."""
    own_only: bool
    """Only those that the version in production answered."""
    label_maturity: dt.timedelta
    """Age of an application at which its outcome counts."""
    now: dt.datetime | None = None
    """Look at the running day too, up to this moment of it (UTC)."""

    def spans(self) -> dict[str, Span]:
        """The windows by name; one without any hour when all days are before the cutoff."""
        end = _midnight(self.today)
        lengths = {LAST_DAY: DAY, f"last {self.days} days": self.days * DAY}
        full = {
            name: Span(min(max(end - length, _midnight(self.cutoff)), end), end) for name, length in lengths.items()
        }
        return full if self.now is None else {TODAY_SO_FAR: self.running_day(self.now), **full}

    def running_day(self, now: dt.datetime) -> Span:
        """Today up to a moment; without any hour for a version that knew today."""
        until = min(now, _midnight(self.today) + DAY)
        return Span(min(max(_midnight(self.today), _midnight(self.cutoff)), until), until)


@dataclass(frozen=True, slots=True)
class Check:
    """What windows are compared with, and how."""

    profile: ReferenceProfile
    policy: DriftPolicy
    plan: WindowPlan
    taught: Taught = nothing_taught

    def after_looks(self, looks: int) -> Check:
        """For the next look at a day that was looked at so often: half of what was left may be spent."""
        return replace(self, policy=replace(self.policy, alpha=self.policy.alpha / 2 ** (looks + 1)))

    def window(self, name: str, span: Span, logged: LoggedApplications, earlier: Sequence[EarlierCheck]) -> WindowDrift:
        """Compare one window.

        Raises:
            psycopg2.Error: PostgreSQL does not answer, or refuses.
        """
        own = logged.own(span)
        all_ = own if self.plan.own_only else own + logged.others(span)
        known, divorced = logged.labels(span.shifted(-self.plan.label_maturity))
        labels = LabelCounts(self.profile.rows, self.profile.positives, known, divorced) if known else None
        variables = self._variables(own, all_)
        found, rate = judge(variables, labels, self.policy, self.taught) if variables else ((), None)
        return WindowDrift(
            name=name,
            since=span.since,
            until=span.until,
            rows=all_.number,
            reference_rows=self.profile.rows,
            policy=self.policy,
            variables=found,
            positive_rate=rate,
            performance=self._performance(self._split(own.counts)[-1]) if own.number else None,
            earlier=tuple(earlier),
        )

    def _variables(self, own: Applications, all_: Applications) -> list[VariableCounts]:
        """Features of all applications, and probabilities of those that the version answered, where there are any."""
        found = []
        pairs = zip(self.profile.variables, self._split(own.counts), self._split(all_.counts), strict=True)
        for variable, of_own, of_all in pairs:
            current = of_own if variable.name == PREDICTION else of_all
            if current.any():
                reference = np.array(variable.counts, np.int64)
                found.append(VariableCounts(variable.name, variable.bins(), reference, current, variable.importance))
        return found

    def _split(self, counts: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        return np.split(counts, np.cumsum([len(variable.kinds) for variable in self.profile.variables])[:-1])

    def _performance(self, current: NDArray[np.int64]) -> PerformanceEstimate:
        """What the ranking would be worth if each bin of probabilities had the divorces that its reference had."""
        reference = np.array(self.profile.variable(PREDICTION).counts, np.int64)
        rates = positive_rates(reference, np.array(self.profile.positives_by_probability, np.int64))
        return PerformanceEstimate(expected_performance(rates, reference), expected_performance(rates, current))


def positive_rates(rows: NDArray[np.int64], positives: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of positives in each bin [k + 2]; a bin without a row has that of the nearest one that has some."""
    filled = np.flatnonzero(rows)
    places = np.abs(np.arange(rows.size)[:, None] - filled).argmin(axis=1)
    rates: NDArray[np.float64] = positives[filled][places] / rows[filled][places]
    return rates


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)
