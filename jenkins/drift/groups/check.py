"""The check of groups: the last full month beside the one before it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from psycopg2.extensions import connection as Connection

from fraud.report.verdict_file import write_verdict
from fraud.statistics.design_weights import weights_of
from fraud.statistics.group_fairness import Answers, Group, GroupFairness, group_fairness
from fraud.verdict import Verdict
from jenkins.drift.groups.change import Change, Compared, changes, reviewed_of
from jenkins.drift.groups.logged_answers import read_month
from jenkins.drift.groups.months import UNKNOWN, LoggedMonth, Month
from jenkins.drift.realised import RealisedMonth, realised_months
from train.maturity import known_before


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
class DecisionFigures:
    """What policies did in a month: whom they had reviewed for their probability, the control sample apart."""

    decided: int
    reviewed: int
    labelled: int
    policies: tuple[str, ...]
    groups: tuple[GroupFairness, ...]
    labelled_groups: tuple[GroupFairness, ...]


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
    decisions: DecisionFigures | None
    """None where too few were decided, in either month."""


@dataclass(frozen=True, slots=True)
class GroupCheck:
    """How the check ended, with all that led to it."""

    verdict: Verdict
    reasons: tuple[str, ...]
    months: tuple[MonthFigures, ...] = ()
    changes: tuple[Change, ...] = ()
    realised: tuple[RealisedMonth, ...] = ()
    """Of all applicants, by month; older ones too, since outcomes come late."""

    @property
    def details(self) -> dict[str, Any]:
        """What `verdict.json` says beside verdict and reasons."""
        return {"months": self.months, "changes": self.changes, "realised": self.realised}

    def write(self, folder: Path) -> None:
        """Write `verdict.json` into the folder."""
        write_verdict(folder, self.verdict, self.reasons, self.details)


def check_groups(connection: Connection, today: dt.date, policy: GroupPolicy, mature: dt.date) -> GroupCheck:
    """Compare the last month that was over on a day with the one before it, and tell what came true.

    Outcomes count as they were known on the day `today`; those of applications from the day `mature` on do not count in
    what came true.

    Raises:
        PolicyError, AuditError: a decision does not follow from a policy that was signed and in force.
        DatabaseError, psycopg2.Error: PostgreSQL does not answer, or refuses.
    """
    later, known = Month.before(today), known_before(today)
    earlier = read_month(connection, Month.before(later.first_day), known)
    judged = judge_months(earlier, read_month(connection, later, known), policy)
    return replace(judged, realised=realised_months(connection, mature, known))


def judge_months(earlier: LoggedMonth, later: LoggedMonth, policy: GroupPolicy) -> GroupCheck:
    """The check of two months that are known."""
    few = [one.answers for one in (earlier, later) if one.answers.probabilities.size < policy.minimum_rows]
    if few:
        reasons = tuple(
            f"{answers.probabilities.size:,} answers in {answers.month.name}, fewer than {policy.minimum_rows:,}: "
            "too few to tell whom the model suspects"
            for answers in few
        )
        return GroupCheck(Verdict.INCONCLUSIVE, reasons)
    answered = Compared.of(earlier.answers, later.answers)
    are_decided = min(one.decided.probabilities.size for one in (earlier, later)) >= policy.minimum_rows
    decided = Compared.of(earlier.decided, later.decided) if are_decided else None
    found = changes([answered, *([] if decided is None else [decided])], policy.capacity)
    beyond = sorted((one for one in found if one.p_value <= policy.alpha), key=lambda one: one.p_value)
    names = (earlier.answers.month.name, later.answers.month.name)
    reasons = tuple(one.sentence(names) for one in beyond)
    if beyond:
        reasons += tuple(_what_else_changed(earlier, later))
    nothing = (f"no group is treated differently in {names[1]} from {names[0]}, in {len(found)} comparisons",)
    verdict = Verdict.FAIL if beyond else Verdict.PASS
    figures = tuple(_figures(answered, decided, place, policy.capacity) for place in range(2))
    return GroupCheck(verdict, reasons or nothing, figures, found)


def _what_else_changed(earlier: LoggedMonth, later: LoggedMonth) -> Iterator[str]:
    """Who answered and decided in the months, where that is not the same."""
    months = (earlier.answers.month.name, later.answers.month.name)
    for what, did, of_months in (
        ("version", "answered", (earlier.answers.versions, later.answers.versions)),
        ("policy", "decided", (earlier.decided.policies, later.decided.policies)),
    ):
        if of_months[0] != of_months[1]:
            told = [f"{what} {', '.join(map(str, names))}" if names else f"no {what}" for names in of_months]
            yield f"{told[0]} {did} in {months[0]}, {told[1]} in {months[1]}"


def _figures(answered: Compared, decided: Compared | None, place: int, capacity: float) -> MonthFigures:
    answers = (answered.earlier, answered.later)[place]
    of_all, of_known = _fairness(answered, place, capacity)
    return MonthFigures(
        month=answers.month.name,
        answers=answers.answered,
        looked_at=answers.probabilities.size,
        labelled=int(np.count_nonzero(answers.labels != UNKNOWN)),
        versions=answers.versions,
        groups=of_all,
        labelled_groups=of_known,
        decisions=None if decided is None else _decision_figures(decided, place, capacity),
    )


def _decision_figures(decided: Compared, place: int, capacity: float) -> DecisionFigures:
    month = (decided.earlier, decided.later)[place]
    of_all, of_known = _fairness(decided, place, capacity)
    return DecisionFigures(
        decided=month.probabilities.size,
        reviewed=int(reviewed_of(month, capacity).sum()),
        labelled=int(np.count_nonzero(month.labels != UNKNOWN)),
        policies=month.policies,
        groups=of_all,
        labelled_groups=of_known,
    )


def _fairness(
    compared: Compared, place: int, capacity: float
) -> tuple[tuple[GroupFairness, ...], tuple[GroupFairness, ...]]:
    """Of all rows of a month, and of those whose outcome is known."""
    month, groups = (compared.earlier, compared.later)[place], [pair[place] for pair in compared.groups]
    reviewed, known = reviewed_of(month, capacity), month.labels != UNKNOWN
    of_known = [
        Group(group.attribute, group.name, group.rows[known], is_crossing=group.is_crossing) for group in groups
    ]
    labelled = Answers(
        month.probabilities[known], reviewed[known], month.labels[known], weights_of(month.weights, known)
    )
    return group_fairness(groups, Answers(month.probabilities, reviewed)), group_fairness(of_known, labelled)
