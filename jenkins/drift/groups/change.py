"""What has changed for whom from one month to the next: one family of tests, corrected together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fraud.statistics.design_weights import weights_of
from fraud.statistics.group_fairness import Group, hits_and_trials, is_small
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
    if any(
        is_small(of_month, weights_of(month.weights, part))
        for of_month, month, part in zip(labels, months, known, strict=True)
    ):
        return
    (wrongly, negatives), (later_wrongly, later_negatives) = (
        hits_and_trials(part, shares, month.labels == 0, month.weights)
        for part, shares, month in zip(known, reviewed, months, strict=True)
    )
    p_value = share_change_p(wrongly, negatives, later_wrongly, later_negatives)
    yield Change(name, FALSE_POSITIVES, wrongly / negatives, later_wrongly / later_negatives, p_value)

    (happened, predicted), (later_happened, later_predicted) = (
        _happened_and_predicted(part, month) for part, month in zip(known, months, strict=True)
    )
    if min(predicted, later_predicted) > 0:
        p_value = calibration_change_p(round(happened), predicted, round(later_happened), later_predicted)
        yield Change(name, CALIBRATION, happened / predicted, later_happened / later_predicted, p_value)


def _happened_and_predicted(part: NDArray[np.bool_], month: MonthAnswers) -> tuple[float, float]:
    """Divorces; with weights of as many rows as tell equally much."""
    everybody = np.ones(part.size)
    happened, _ = hits_and_trials(part, month.labels == 1, everybody, month.weights)
    predicted, _ = hits_and_trials(part, month.probabilities, everybody, month.weights)
    return happened, predicted
