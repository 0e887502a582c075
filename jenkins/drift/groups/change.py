"""What has changed for whom from one month to the next: one family of tests, corrected together.

Of answers: whom the model would have reviewed, the same share of each month. Of decisions: whom the policy had
reviewed. Of outcomes, once they are known: who divorced, beside what was predicted, and who was reviewed wrongly or
found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.statistics.design_weights import weights_of
from fraud.statistics.group_fairness import Group, hits_and_trials, is_small
from fraud.statistics.review import reviewed_shares
from jenkins.drift.groups.months import UNKNOWN, MonthAnswers, groups_of_both
from jenkins.drift.statistics.holm import holm
from jenkins.drift.statistics.rate_change import calibration_change_p, share_change_p

SELECTION: Final = "share reviewed"
FALSE_POSITIVES: Final = "wrongly reviewed of those without a divorce"
CALIBRATION: Final = "divorces over those predicted"
DIVORCES: Final = "share of divorces"
DECIDED: Final = "share that the policy had reviewed"
DECIDED_WRONGLY: Final = "wrongly reviewed by the policy of those without a divorce"
DECIDED_RIGHTLY: Final = "reviewed by the policy of those who divorced"


@dataclass(frozen=True, slots=True)
class Change:
    """One figure of a group in two months."""

    group: str
    figure: str
    earlier: float
    later: float
    p_value: float
    """Corrected for all figures of all groups (Holm)."""

    def sentence(self, months: tuple[str, str]) -> str:
        """For the reasons of a verdict."""
        form = ".2f" if self.figure == CALIBRATION else ".1%"
        return (
            f"{self.group}: {self.figure} {format(self.earlier, form)} in {months[0]}, "
            f"{format(self.later, form)} in {months[1]} (corrected p = {self.p_value:.2g})"
        )


@dataclass(frozen=True, slots=True)
class Compared:
    """The rows of two months, of which the same is asked, and the groups that both have."""

    earlier: MonthAnswers
    later: MonthAnswers
    groups: tuple[tuple[Group, Group], ...]

    @classmethod
    def of(cls, earlier: MonthAnswers, later: MonthAnswers) -> Compared:
        """Two months."""
        return cls(earlier, later, groups_of_both(earlier, later))


def reviewed_of(month: MonthAnswers, capacity: float) -> NDArray[np.float64]:
    """How surely each row is reviewed: as it was decided, or by a review of the same share of every month."""
    if month.reviewed is not None:
        return month.reviewed.astype(np.float64)
    return reviewed_shares(month.probabilities, capacity)


def changes(compared: Sequence[Compared], capacity: float) -> tuple[Change, ...]:
    """Every figure of every group that both months have, with how likely chance alone would change it so much.

    The review of answers takes the same share of each month, so what rises for one group falls for others.
    """
    found = [change for months in compared for change in _of_months(months, capacity)]
    corrected = holm([one.p_value for one in found])
    return tuple(
        Change(one.group, one.figure, one.earlier, one.later, float(p)) for one, p in zip(found, corrected, strict=True)
    )


@dataclass(frozen=True, slots=True)
class _Known:
    """A group's rows of a month whose outcome is known; with weights counts are of as many as tell equally much."""

    rows: NDArray[np.bool_]
    """[N]"""
    month: MonthAnswers
    reviewed: NDArray[np.float64]
    """[N]"""

    @classmethod
    def of(cls, group: Group, month: MonthAnswers, reviewed: NDArray[np.float64]) -> _Known:
        """Those of a group."""
        return cls(group.rows & (month.labels != UNKNOWN), month, reviewed)

    @property
    def is_small(self) -> bool:
        """Whether they are too few to say anything."""
        return is_small(self.month.labels[self.rows], weights_of(self.month.weights, self.rows))

    def reviewed_with(self, label: int) -> tuple[float, float]:
        """Of those with a label how many are reviewed, and all."""
        return hits_and_trials(self.rows, self.reviewed, self.month.labels == label, self.month.weights)

    @property
    def happened(self) -> tuple[float, float]:
        """Divorces, and all."""
        return self._of_all(self.month.labels == 1)

    @property
    def predicted(self) -> float:
        """Divorces."""
        return self._of_all(self.month.probabilities)[0]

    def _of_all(self, hits: NDArray[np.generic]) -> tuple[float, float]:
        return hits_and_trials(self.rows, hits, np.ones(self.rows.size), self.month.weights)


def _of_months(compared: Compared, capacity: float) -> Iterator[Change]:
    months = (compared.earlier, compared.later)
    reviewed = (reviewed_of(months[0], capacity), reviewed_of(months[1], capacity))
    for pair in compared.groups:
        yield from _of_group(pair, months, reviewed)


def _of_group(
    pair: tuple[Group, Group],
    months: tuple[MonthAnswers, MonthAnswers],
    reviewed: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> Iterator[Change]:
    name, is_decided = pair[0].name, months[0].reviewed is not None
    hits = [float(shares[group.rows].sum()) for group, shares in zip(pair, reviewed, strict=True)]
    rows = [float(group.rows.sum()) for group in pair]
    yield _share(name, DECIDED if is_decided else SELECTION, zip(hits, rows, strict=True))
    known = [_Known.of(*one) for one in zip(pair, months, reviewed, strict=True)]
    if any(one.is_small for one in known):
        return
    yield _share(name, DECIDED_WRONGLY if is_decided else FALSE_POSITIVES, (one.reviewed_with(0) for one in known))
    if is_decided:
        yield _share(name, DECIDED_RIGHTLY, (one.reviewed_with(1) for one in known))
        return
    yield _share(name, DIVORCES, (one.happened for one in known))
    happened, predicted = [one.happened[0] for one in known], [one.predicted for one in known]
    if min(predicted) > 0:
        p_value = calibration_change_p(round(happened[0]), predicted[0], round(happened[1]), predicted[1])
        yield Change(name, CALIBRATION, happened[0] / predicted[0], happened[1] / predicted[1], p_value)


def _share(name: str, figure: str, of_months: Iterable[tuple[float, float]]) -> Change:
    """Of hits and trials in both months."""
    (hits, trials), (later_hits, later_trials) = of_months
    p_value = share_change_p(hits, trials, later_hits, later_trials)
    return Change(name, figure, hits / trials, later_hits / later_trials, p_value)
