"""Two full months of answers and decisions (UTC), and the groups that both of them have."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fraud.applicant_groups import Attributes, attribute_groups, declared_groups
from fraud.statistics.design_weights import DesignWeights, weights_of
from fraud.statistics.group_fairness import Group, crossings

UNKNOWN: int = -1
"""Label of an application whose outcome is not known."""


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month."""

    first_day: dt.date

    @classmethod
    def before(cls, day: dt.date) -> Month:
        """The last month that was over on a day."""
        return cls((day.replace(day=1) - dt.timedelta(days=1)).replace(day=1))

    @property
    def name(self) -> str:
        """As in 2026-04."""
        return f"{self.first_day:%Y-%m}"

    @property
    def since(self) -> dt.datetime:
        """Its first moment (UTC)."""
        return dt.datetime.combine(self.first_day, dt.time(), dt.UTC)

    @property
    def until(self) -> dt.datetime:
        """The first moment behind it (UTC)."""
        return dt.datetime.combine((self.first_day + dt.timedelta(days=31)).replace(day=1), dt.time(), dt.UTC)


@dataclass(frozen=True, slots=True)
class MonthAnswers:
    """N applications that were answered in a month."""

    month: Month
    x: NDArray[np.float32]
    """[N, F]; NaN where a feature is missing."""
    probabilities: NDArray[np.float32]
    """[N], as they were answered."""
    labels: NDArray[np.int8]
    """[N]: 0, 1 or `UNKNOWN`."""
    attributes: Attributes
    versions: tuple[int, ...]
    """Of the model, which answered."""
    answered: int
    """How many there were; where N is less, those of a sample of requests."""
    weights: DesignWeights = None
    """How many applications each row with a known label represents, 1 for all others [N]; None: 1 for each."""
    reviewed: NDArray[np.bool_] | None = None
    """[N]: whose probability was not below the threshold of the policy that decided; None: nothing was decided."""
    policies: tuple[str, ...] = ()
    """That decided."""


@dataclass(frozen=True, slots=True)
class LoggedMonth:
    """What is on record of a month; of each application the last answer, and the last that was a decision."""

    answers: MonthAnswers
    decided: MonthAnswers


def groups_of_both(earlier: MonthAnswers, later: MonthAnswers) -> tuple[tuple[Group, Group], ...]:
    """Each group with its rows of either month; crossings where labels are known of enough in both months."""
    single = [_single(answers) for answers in (earlier, later)]
    names = [name for name in single[0] if name in single[1]]
    pairs = [(single[0][name], single[1][name]) for name in names]
    crossed = (
        [_crossed(groups, answers) for groups, answers in zip(zip(*pairs, strict=True), (earlier, later), strict=True)]
        if pairs
        else [{}, {}]
    )
    pairs += [(crossed[0][name], crossed[1][name]) for name in crossed[0] if name in crossed[1]]
    return tuple(pairs)


def _single(answers: MonthAnswers) -> dict[str, Group]:
    groups = (*declared_groups(answers.x), *attribute_groups(answers.attributes))
    return {group.name: group for group in groups if group.rows.any()}


def _crossed(groups: tuple[Group, ...], answers: MonthAnswers) -> dict[str, Group]:
    """Those that are not small among the labelled, with all of their rows."""
    known = answers.labels != UNKNOWN
    of_known = [Group(group.attribute, group.name, group.rows[known]) for group in groups]
    wanted = {group.name for group in crossings(of_known, answers.labels[known], weights_of(answers.weights, known))}
    rows = {
        f"{one.name}, {other.name}": (one, other)
        for place, one in enumerate(groups)
        for other in groups[place + 1 :]
        if f"{one.name}, {other.name}" in wanted
    }
    return {
        name: Group(f"{one.attribute} and {other.attribute}", name, one.rows & other.rows, is_crossing=True)
        for name, (one, other) in rows.items()
    }
