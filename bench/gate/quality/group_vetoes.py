"""Reasons to refuse a candidate for whom it suspects: off unless a limit is set.

A group's ratio is its share reviewed, or its false-positive rate, over that of all other applicants. It is a veto where

1. the candidate's ratio is above the limit: its one-sided score lower bound is (Koopman 1984); and
2. the candidate's ratio is above the champion's, by Fisher's exact test of the applications that only one of the two
   has reviewed. Of two models that are equal, either is as likely to be the one that did; so how many of the group's
   are the candidate's, all else given, is hypergeometric, and the ratio rises with that number.

Groups are searched for the worst one, so both are at `GATE_LEVEL` over the number of comparisons (Bonferroni): each
group that is not small, in each figure with a limit. The second test alone bounds how often equal models are vetoed,
whatever the limit and however far beyond it both are. If nothing is in production, the first test decides alone.

Where applications stand for others (`fraud.statistics.design_weights`), the ratios are those of all applicants, and
their bounds follow from effective counts. Fisher's test stays one of applications, one by one: of equal models either
is as likely to be the one that has reviewed an application, whatever its weight.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom, norm

from fraud.settings.gate import GateVetoes
from fraud.statistics.design_weights import DesignWeights, weights_of
from fraud.statistics.group_fairness import Group, hits_and_trials, is_small, shown_ratio
from fraud.statistics.risk_ratio import ratio_interval, ratio_score


@dataclass(frozen=True, slots=True)
class Reviews:
    """How surely each of N applications is reviewed, by either model."""

    candidate: NDArray[np.float64]
    champion: NDArray[np.float64] | None
    """None where nothing is in production."""
    weights: DesignWeights = None


@dataclass(frozen=True, slots=True)
class _Figure:
    """A figure with a limit."""

    words: str
    setting: str
    limit: float
    of: NDArray[np.bool_]
    """Of which applications it is a share [N]."""


def group_vetoes(
    limits: GateVetoes, level: float, groups: Sequence[Group], labels: NDArray[np.integer], reviews: Reviews
) -> Iterator[str]:
    """A sentence for every group of N labelled applications, and figure, that breaks a limit."""
    judged = [group for group in groups if not is_small(labels[group.rows], weights_of(reviews.weights, group.rows))]
    figures = list(_figures(limits, labels))
    if not judged or not figures:
        return
    corrected = level / (len(judged) * len(figures))
    for figure in figures:
        for group in judged:
            if _is_beyond(_counts(group, figure, reviews.candidate, reviews.weights), figure.limit, corrected) and (
                reviews.champion is None or _p_worse(group, figure, reviews.candidate, reviews.champion) <= corrected
            ):
                yield _sentence(group, figure, reviews, level, len(judged) * len(figures))


def _figures(limits: GateVetoes, labels: NDArray[np.integer]) -> Iterator[_Figure]:
    if limits.selection_ratio is not None:
        everybody = np.ones(labels.size, np.bool_)
        yield _Figure("reviewed", "GATE_VETOES selection_ratio", limits.selection_ratio, everybody)
    if limits.fpr_ratio is not None:
        yield _Figure("wrongly reviewed", "GATE_VETOES fpr_ratio", limits.fpr_ratio, labels == 0)


def _counts(
    group: Group, figure: _Figure, reviewed: NDArray[np.float64], weights: DesignWeights
) -> tuple[float, float, float, float]:
    """Reviewed and all of the group, reviewed and all of the others."""
    return (
        *hits_and_trials(group.rows, reviewed, figure.of, weights),
        *hits_and_trials(~group.rows, reviewed, figure.of, weights),
    )


def _is_beyond(counts: tuple[float, float, float, float], limit: float, level: float) -> bool:
    if min(counts[1], counts[3]) == 0:
        return False
    return ratio_score(limit, *counts) > norm.isf(level)


def _p_worse(group: Group, figure: _Figure, candidate: NDArray[np.float64], champion: NDArray[np.float64]) -> float:
    """How likely equal models would differ so much, by the applications that one alone has reviewed."""
    difference = candidate - champion
    own, all_ = group.rows & figure.of, figure.of
    # Of rows tied at a border only parts are reviewed; whole ones count.
    newly, no_more = (np.floor(np.clip(sign * difference[all_], 0, 1).sum()) for sign in (1, -1))
    own_newly, own_no_more = (np.floor(np.clip(sign * difference[own], 0, 1).sum()) for sign in (1, -1))
    return float(hypergeom.sf(own_newly - 1, newly + no_more, newly, own_newly + own_no_more))


def _sentence(group: Group, figure: _Figure, reviews: Reviews, level: float, comparisons: int) -> str:
    confidence = 1 - 2 * level / comparisons
    ratio = ratio_interval(*_counts(group, figure, reviews.candidate, reviews.weights), confidence)
    beside = ""
    if reviews.champion is not None:
        other = ratio_interval(*_counts(group, figure, reviews.champion, reviews.weights), confidence)
        beside = f"; by the champion {shown_ratio(other)}"
    return (
        f"veto: {group.name} is {figure.words} {shown_ratio(ratio)} times as often as all others{beside}: more than "
        f"{figure.setting}={figure.limit:g} (interval corrected for {comparisons} comparisons)"
    )
