"""The check of groups: the last full month beside the one before it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from psycopg2.extensions import connection as Connection

from fraud.report.verdict_file import write_verdict
from fraud.statistics.design_weights import weights_of
from fraud.statistics.group_fairness import Answers, Group, GroupFairness, group_fairness
from fraud.statistics.review import reviewed_shares
from fraud.verdict import Verdict
from jenkins.drift.groups.change import Change, changes
from jenkins.drift.groups.logged_answers import read_month
from jenkins.drift.groups.months import UNKNOWN, Month, MonthAnswers, groups_of_both


@dataclass(frozen=True, slots=True)
class GroupPolicy:
    """What counts as a change."""

    alpha: float
    """Share of pairs of months without any change that are called changed."""
    minimum_rows: int
    """Fewest answers of a month to tell."""
    capacity: float
    """Share of answers that is reviewed."""


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """A month in the terms of a report."""

    month: str
    answers: int
    looked_at: int
    labelled: int
    versions: tuple[int, ...]
    groups: tuple[GroupFairness, ...]
    """Of all answers: who is reviewed."""
    labelled_groups: tuple[GroupFairness, ...]
    """Of those whose outcome is known: whether rightly."""


@dataclass(frozen=True, slots=True)
class GroupCheck:
    """How the check ended, with all that led to it."""

    verdict: Verdict
    reasons: tuple[str, ...]
    months: tuple[MonthFigures, ...] = ()
    changes: tuple[Change, ...] = ()

    def write(self, folder: Path) -> None:
        """Write `verdict.json` into the folder."""
        details: dict[str, Any] = {"months": self.months, "changes": self.changes}
        write_verdict(folder, self.verdict, self.reasons, details)


def check_groups(connection: Connection, today: dt.date, policy: GroupPolicy) -> GroupCheck:
    """Compare the last month that was over on a day with the one before it.

    Raises:
        DatabaseError, psycopg2.Error: PostgreSQL does not answer, or refuses.
    """
    later = Month.before(today)
    return judge_months(read_month(connection, Month.before(later.first_day)), read_month(connection, later), policy)


def judge_months(earlier: MonthAnswers, later: MonthAnswers, policy: GroupPolicy) -> GroupCheck:
    """The check of two months whose answers are known."""
    few = [answers for answers in (earlier, later) if answers.probabilities.size < policy.minimum_rows]
    if few:
        reasons = tuple(
            f"{answers.probabilities.size:,} answers in {answers.month.name}, fewer than {policy.minimum_rows:,}: "
            "too few to tell whom the model suspects"
            for answers in few
        )
        return GroupCheck(Verdict.INCONCLUSIVE, reasons)
    groups = groups_of_both(earlier, later)
    found = changes(groups, earlier, later, policy.capacity)
    names = (earlier.month.name, later.month.name)
    beyond = sorted((one for one in found if one.p_value <= policy.alpha), key=lambda one: one.p_value)
    reasons = tuple(one.sentence(names) for one in beyond)
    if beyond and earlier.versions != later.versions:
        told = [", ".join(map(str, answers.versions)) for answers in (earlier, later)]
        reasons += (f"version {told[0]} answered in {names[0]}, version {told[1]} in {names[1]}",)
    figures = tuple(
        _figures(answers, [pair[place] for pair in groups], policy.capacity)
        for place, answers in enumerate((earlier, later))
    )
    nothing = (f"no group is treated otherwise in {names[1]} than in {names[0]}, in {len(found)} comparisons",)
    verdict = Verdict.FAIL if beyond else Verdict.PASS
    return GroupCheck(verdict, reasons or nothing, figures, found)


def _figures(answers: MonthAnswers, groups: list[Group], capacity: float) -> MonthFigures:
    reviewed = reviewed_shares(answers.probabilities, capacity)
    known = answers.labels != UNKNOWN
    of_known = [
        Group(group.attribute, group.name, group.rows[known], is_crossing=group.is_crossing) for group in groups
    ]
    labelled = Answers(
        answers.probabilities[known], reviewed[known], answers.labels[known], weights_of(answers.weights, known)
    )
    return MonthFigures(
        month=answers.month.name,
        answers=answers.answered,
        looked_at=answers.probabilities.size,
        labelled=int(np.count_nonzero(known)),
        versions=answers.versions,
        groups=group_fairness(groups, Answers(answers.probabilities, reviewed)),
        labelled_groups=group_fairness(of_known, labelled),
    )
