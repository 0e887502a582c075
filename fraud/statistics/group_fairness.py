"""Group fairness metrics: what a review does to each group beside all other applicants (Barocas et al. 2023, ch. 3).

The review takes the rows of highest score, and its border is given: intervals are of the applicants, not of where a
border would fall among others.

Where rows stand for others (`fraud.statistics.design_weights`), every figure is of all whom they stand for; intervals,
and what is small, follow from as many rows of equal weight as tell equally much (Kish 1965).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.statistics.design_weights import DesignWeights, effective_labels, weighted_mean, weights_of
from fraud.statistics.interval import Interval
from fraud.statistics.reliability import share_interval
from fraud.statistics.risk_ratio import ratio_interval

MINIMUM_OF_EACH_LABEL: Final = 30
"""A group with fewer rows of a label is small: its figures say little, and no verdict is built on them."""

Rows = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Group:
    """Some of N applicants."""

    attribute: str
    """What they are grouped by; groups of one attribute share no applicant."""
    name: str
    rows: Rows
    """[N]"""
    is_crossing: bool = False
    """Of two groups."""


@dataclass(frozen=True, slots=True)
class GroupFigure:
    """One figure of a group; intervals are at 95%."""

    figure: Interval
    ratio: Interval | None
    """To the same figure of all other applicants; None where that says nothing."""


@dataclass(frozen=True, slots=True)
class GroupFairness:
    """All figures of a group; None where there is nothing to take a share of, or where labels are not known."""

    name: str
    rows: int
    positives: int | None
    is_crossing: bool
    is_small: bool
    mean_probability: float
    positive_rate: Interval | None
    selection_rate: GroupFigure | None
    """Share of the group that is reviewed."""
    false_positive_rate: GroupFigure | None = None
    """Share of its negative rows that is reviewed: wrongly suspected."""
    true_positive_rate: GroupFigure | None = None
    """Share of its positive rows that is reviewed."""
    precision: GroupFigure | None = None
    """Share of its reviewed rows that is positive."""
    calibration: GroupFigure | None = None
    """Its share of positive rows over its mean probability: 1 is right, below 1 it is suspected of too much."""


@dataclass(frozen=True, slots=True)
class Answers:
    """N rows with what a model says of them and what is done."""

    probabilities: NDArray[np.floating]
    reviewed: NDArray[np.float64]
    """How surely each is reviewed, as `reviewed_shares` has it."""
    labels: NDArray[np.integer] | None = None
    """0 or 1; None: not known."""
    weights: DesignWeights = None


def group_fairness(groups: Iterable[Group], answers: Answers) -> tuple[GroupFairness, ...]:
    """The figures of each group that has any row."""
    return tuple(_fairness(group, answers) for group in groups if group.rows.any())


def is_small(labels: NDArray[np.integer], weights: DesignWeights = None) -> bool:
    """Whether rows [n] of a group are too few of one label to build a verdict on."""
    return min(effective_labels(labels, weights)) < MINIMUM_OF_EACH_LABEL


def crossings(groups: Sequence[Group], labels: NDArray[np.integer], weights: DesignWeights = None) -> list[Group]:
    """Groups of two attributes at once that are not small, except those that equal one of the two."""
    found = []
    for place, one in enumerate(groups):
        for other in groups[place + 1 :]:
            if one.attribute == other.attribute:
                continue
            both = one.rows & other.rows
            is_new = int(both.sum()) < min(int(one.rows.sum()), int(other.rows.sum()))
            if is_new and not is_small(labels[both], weights_of(weights, both)):
                name = f"{one.name}, {other.name}"
                found.append(Group(f"{one.attribute} and {other.attribute}", name, both, is_crossing=True))
    return found


def _fairness(group: Group, answers: Answers) -> GroupFairness:
    own, rows = group.rows, int(group.rows.sum())
    probabilities, reviewed, weights = answers.probabilities, answers.reviewed, answers.weights
    mean = weighted_mean(probabilities[own], weights_of(weights, own))
    everybody = np.ones(own.size)
    selection = _figure(own, reviewed, everybody, weights)
    if answers.labels is None:
        return GroupFairness(group.name, rows, None, group.is_crossing, False, mean, None, selection)
    positive = answers.labels == 1
    positives = int(positive[own].sum())
    return GroupFairness(
        group.name,
        rows,
        positives,
        group.is_crossing,
        is_small(answers.labels[own], weights_of(weights, own)),
        mean,
        share_interval(*hits_and_trials(own, positive, everybody, weights)),
        selection,
        false_positive_rate=_figure(own, reviewed, ~positive, weights),
        true_positive_rate=_figure(own, reviewed, positive, weights),
        precision=_figure(own, positive, reviewed, weights),
        calibration=_calibration(own, positive, answers),
    )


def _figure(
    own: Rows, hits: NDArray[np.generic], trials: NDArray[np.generic], weights: DesignWeights
) -> GroupFigure | None:
    """The share of `trials` that are `hits` too, in the group and out of it."""
    counts = hits_and_trials(own, hits, trials, weights)
    if counts[1] <= 0:
        return None
    return GroupFigure(share_interval(*counts), ratio_interval(*counts, *hits_and_trials(~own, hits, trials, weights)))


def hits_and_trials(
    part: Rows, hits: NDArray[np.generic], trials: NDArray[np.generic], weights: DesignWeights
) -> tuple[float, float]:
    """Hits and trials among some rows; with weights as many as tell equally much, in the weighted ratio."""
    tried = trials[part].astype(np.float64)
    hit = hits[part].astype(np.float64) * tried
    if weights is None:
        return float(hit.sum()), float(tried.sum())
    weight = weights[part]
    total = float((tried * weight).sum())
    if total <= 0:
        return 0.0, 0.0
    effective = total * total / float((tried * weight * weight).sum())
    return effective * float((hit * weight).sum()) / total, effective


def _calibration(own: Rows, positive: Rows, answers: Answers) -> GroupFigure | None:
    """Probabilities are given as the border is: intervals are of what happened."""
    probabilities, weights = answers.probabilities, answers.weights
    means = [
        weighted_mean(probabilities[part], weights_of(weights, part)) if part.any() else 0.0 for part in (own, ~own)
    ]
    if means[0] <= 0:
        return None
    everybody = np.ones(own.size)
    counts = hits_and_trials(own, positive, everybody, weights)
    ratio = None
    if means[1] > 0:
        ratio = ratio_interval(*counts, *hits_and_trials(~own, positive, everybody, weights))
    return GroupFigure(
        _scaled(share_interval(*counts), 1 / means[0]),
        None if ratio is None else _scaled(ratio, means[1] / means[0]),
    )


def _scaled(interval: Interval, factor: float) -> Interval:
    return Interval(interval.estimate * factor, interval.low * factor, interval.high * factor)


def worst_ratio(figures: Iterable[tuple[str, GroupFigure | None]]) -> tuple[str, Interval] | None:
    """The group, by name, whose figure is surest to be high (its interval begins highest), and its ratio to the rest.

    Not the one whose ratio is highest: that of nearly everybody to the few who are never reviewed has no end.
    """
    found = [(name, figure.figure.low, figure.ratio) for name, figure in figures if figure is not None]
    ratios = [(low, name, ratio) for name, low, ratio in found if ratio is not None]
    if not ratios:
        return None
    _, name, ratio = max(ratios, key=lambda one: one[0])
    return name, ratio


def shown_ratio(ratio: Interval | None) -> str:
    """A ratio as people read it."""
    if ratio is None:
        return "-"
    bounds = [f"{value:.2f}" if math.isfinite(value) else "∞" for value in (ratio.estimate, ratio.low, ratio.high)]
    return f"{bounds[0]} ({bounds[1]} to {bounds[2]})"
