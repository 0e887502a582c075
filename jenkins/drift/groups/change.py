"""What has changed for whom from one month to the next: one family of tests, corrected together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fraud.statistics.group_fairness import Group, is_small
from fraud.statistics.review import reviewed_shares
from jenkins.drift.groups.months import UNKNOWN, MonthAnswers
from jenkins.drift.statistics.holm import holm
from jenkins.drift.statistics.rate_change import calibration_change_p, share_change_p


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


SELECTION = "share reviewed"
FALSE_POSITIVES = "wrongly reviewed of those without a divorce"
CALIBRATION = "divorces over those predicted"


def changes(
    groups: Sequence[tuple[Group, Group]], earlier: MonthAnswers, later: MonthAnswers, capacity: float
) -> tuple[Change, ...]:
    """Every figure of every group that both months have, with how likely chance alone would change it so much.

    The review of each month takes the same share of its answers, those of highest probability, so what rises for one
    group falls for others.
    """
    reviewed = (reviewed_shares(earlier.probabilities, capacity), reviewed_shares(later.probabilities, capacity))
    found = [one for pair in groups for one in _of_group(pair, (earlier, later), reviewed)]
    corrected = holm([one.p_value for one in found])
    return tuple(
        Change(one.group, one.figure, one.earlier, one.later, float(p)) for one, p in zip(found, corrected, strict=True)
    )


def _of_group(
    pair: tuple[Group, Group],
    months: tuple[MonthAnswers, MonthAnswers],
    reviewed: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> Iterator[Change]:
    name = pair[0].name
    hits = [float(shares[group.rows].sum()) for group, shares in zip(pair, reviewed, strict=True)]
    rows = [int(group.rows.sum()) for group in pair]
    p_value = share_change_p(hits[0], rows[0], hits[1], rows[1])
    yield Change(name, SELECTION, hits[0] / rows[0], hits[1] / rows[1], p_value)

    known = [group.rows & (month.labels != UNKNOWN) for group, month in zip(pair, months, strict=True)]
    labels = [month.labels[part] for part, month in zip(known, months, strict=True)]
    if any(is_small(of_month) for of_month in labels):
        return
    wrongly = [
        float(shares[part][of_month == 0].sum()) for part, of_month, shares in zip(known, labels, reviewed, strict=True)
    ]
    negatives = [int((of_month == 0).sum()) for of_month in labels]
    p_value = share_change_p(wrongly[0], negatives[0], wrongly[1], negatives[1])
    yield Change(name, FALSE_POSITIVES, wrongly[0] / negatives[0], wrongly[1] / negatives[1], p_value)

    happened = [int(of_month.sum()) for of_month in labels]
    predicted = [
        float(month.probabilities[part].sum(dtype=np.float64)) for part, month in zip(known, months, strict=True)
    ]
    if min(predicted) > 0:
        p_value = calibration_change_p(happened[0], predicted[0], happened[1], predicted[1])
        yield Change(name, CALIBRATION, happened[0] / predicted[0], happened[1] / predicted[1], p_value)
