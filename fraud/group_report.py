"""Whom a model suspects: the figures of every group of applicants, and what reviewed applicants have in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.applicant_groups import Attributes, applicant_groups
from fraud.feature_file import Feature, ShownAs
from fraud.features import FEATURES
from fraud.shown_values import DAYS_A_YEAR, show_number
from fraud.statistics.design_weights import DesignWeights, weighted_mean, weights_of
from fraud.statistics.group_fairness import (
    Answers,
    GroupFairness,
    GroupFigure,
    group_fairness,
    shown_ratio,
    worst_ratio,
)
from fraud.statistics.interval import Interval
from fraud.statistics.review import reviewed_rows, reviewed_shares

TELLING: Final = (1.0, 0.95)
"""Shares of the reviewed on one side of a border that are reported: all, or nearly all."""
LEAST_GAP: Final = 0.2
"""The share of all applicants on that side must be lower by this much for a report."""

FIGURES: Final = {
    "selection_rate": "share reviewed",
    "false_positive_rate": "wrongly reviewed (false-positive rate)",
    "true_positive_rate": "found (true-positive rate)",
    "precision": "precision",
    "calibration": "calibration (happened / predicted)",
}
"""The figures of `GroupFairness`, and their names for people."""


@dataclass(frozen=True, slots=True)
class GroupReport:
    """The effect on groups of applicants of reviewing the applications with the highest probabilities."""

    capacity: float
    """Share of applications that is reviewed."""
    rows: int
    reviewed: int
    """Of the rows; with weights those that stand for the share."""
    findings: tuple[str, ...]
    """A sentence each: what nearly all of the reviewed have in common and others have not."""
    groups: tuple[GroupFairness, ...]
    """Those of one attribute, then the crossings of two that are not small."""

    def worst(self, figure: str) -> tuple[str, Interval] | None:
        """The group, none of the small ones, for which a figure is surest to be high, with its ratio to the rest."""
        return worst_ratio((group.name, figure_of(group, figure)) for group in self.groups if not group.is_small)


def group_report(
    x: NDArray[np.float32],
    labels: NDArray[np.integer],
    probabilities: NDArray[np.floating],
    attributes: Attributes,
    capacity: float,
    *,
    weights: DesignWeights = None,
) -> GroupReport:
    """Examine the probabilities [N] of labelled applications [N, F]."""
    reviewed = reviewed_shares(probabilities, capacity, weights)
    groups = applicant_groups(x, labels, attributes, weights)
    return GroupReport(
        capacity=capacity,
        rows=labels.size,
        reviewed=reviewed_rows(labels.size, capacity) if weights is None else int(np.count_nonzero(reviewed)),
        findings=tuple(findings(x, reviewed, weights)),
        groups=group_fairness(groups, Answers(probabilities, reviewed, labels, weights)),
    )


def figure_of(group: GroupFairness, figure: str) -> GroupFigure | None:
    """One of `FIGURES`."""
    found: GroupFigure | None = getattr(group, figure)
    return found


def shown_figure(group: GroupFairness, figure: str) -> str:
    """One of `FIGURES` with its interval, and its ratio to that of all others, as people read them."""
    found = figure_of(group, figure)
    if found is None:
        return "-"
    interval = found.figure
    shown = (interval.estimate, interval.low, interval.high)
    form = ".2f" if figure == "calibration" else ".1%"
    parts = [format(value, form) for value in shown]
    beside = "" if found.ratio is None else f"; x {shown_ratio(found.ratio)}"
    return f"{parts[0]} ({parts[1]} to {parts[2]}){beside}"


def shown_worst(worst: tuple[str, Interval] | None) -> str:
    """The worst group with its ratio, as people read it."""
    return "-" if worst is None else f"{shown_ratio(worst[1])}, {worst[0]}"


def findings(x: NDArray[np.float32], reviewed: NDArray[np.float64], weights: DesignWeights = None) -> Iterator[str]:
    """A sentence for each protected or banded feature in which the reviewed of [N, F] are another kind of people."""
    chosen = reviewed > 0
    for feature, values in zip(FEATURES, x.T, strict=True):
        if (feature.bands or feature.protected) and not feature.is_enumerated:
            known = ~np.isnan(values)
            if (chosen & known).any():
                yield from _finding(
                    feature, values[known].astype(np.float64), chosen[known], weights_of(weights, known)
                )


def _finding(
    feature: Feature, values: NDArray[np.float64], chosen: NDArray[np.bool_], weights: DesignWeights
) -> Iterator[str]:
    """What says most: of all reviewed before nearly all, and of the two sides the one with fewer other applicants."""
    step = DAYS_A_YEAR if feature.shown_as is ShownAs.YEARS else 1.0
    for telling in TELLING:
        upper = step * (np.floor(np.quantile(values[chosen], telling, method="higher") / step) + 1)
        lower = step * np.floor(np.quantile(values[chosen], 1 - telling, method="lower") / step)
        sides = (("under", values < upper, upper), ("at least", values >= lower, lower))
        word, inside, border = min(sides, key=lambda side: weighted_mean(side[1], weights))
        share, of_all = weighted_mean(inside[chosen], weights_of(weights, chosen)), weighted_mean(inside, weights)
        if share - of_all >= LEAST_GAP:
            number = int(inside[chosen].sum())
            of_them = "All" if inside[chosen].all() else f"{number:,} ({share:.1%})"
            yield (
                f"{of_them} of the {int(chosen.sum()):,} reviewed applicants have {feature.called} {word} "
                f"{show_number(feature, border)}; of all {values.size:,} applicants {of_all:.1%} have."
            )
            return
