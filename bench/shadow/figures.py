"""What the applications say of both models: as a whole, week by week, and group by group."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.shadow.applications import Applications
from bench.shadow.decisions import BothDecisions
from fraud.applicant_groups import Attributes, attribute_groups, declared_groups
from fraud.statistics.expected_performance import expected_performance
from fraud.statistics.group_fairness import Answers, Group, GroupFigure, group_fairness
from fraud.statistics.interval import Interval
from fraud.statistics.psi import score_psi
from train.agreement import rank_correlation

CELLS: Final = 80
"""Each way."""


@dataclass(frozen=True, slots=True)
class OfBoth:
    """One figure of both models."""

    champion: float
    candidate: float


@dataclass(frozen=True, slots=True)
class PartFigures:
    """Some applications: all of them, or those of a week."""

    applications: int
    mean_probability: OfBoth
    reviewed: OfBoth
    """Share."""
    to_review: int
    """Decisions that flip: reviewed by the candidate alone."""
    to_pass: int
    """Reviewed by the champion alone."""
    psi: float
    """Of the candidate's probabilities, in tenths of the champion's."""
    expected_average_precision: OfBoth
    """Of each model, as far as its own probabilities hold."""

    @property
    def flip_share(self) -> float:
        """Share of the applications whose decision flips."""
        return (self.to_review + self.to_pass) / self.applications


@dataclass(frozen=True, slots=True)
class WeekFigures:
    """A week."""

    monday: dt.date
    figures: PartFigures


@dataclass(frozen=True, slots=True)
class GroupReview:
    """Share of a group that one model has reviewed, with a 95% interval, and its ratio to that of all others."""

    share: Interval
    ratio: Interval | None


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """A group of applicants."""

    name: str
    applications: int
    champion: GroupReview
    candidate: GroupReview
    to_review: int
    to_pass: int


@dataclass(frozen=True, slots=True, eq=False)
class Density:
    """How many applications have which probability from either model, for a picture."""

    borders: NDArray[np.float64]
    """[C + 1]"""
    counts: NDArray[np.float64]
    """[C, C]: by the champion's, then by the candidate's."""


@dataclass(frozen=True, slots=True)
class Figures:
    """All of them."""

    whole: PartFigures
    rank_correlation: float
    """Of the probabilities: Spearman's."""
    linear_correlation: float
    """Pearson's; NaN where one model says the same of everybody."""
    weeks: tuple[WeekFigures, ...]
    groups: tuple[GroupFigures, ...]


def figures(applications: Applications, decisions: BothDecisions, attributes: Attributes) -> Figures:
    """The figures of at least one application."""
    everybody = np.ones(applications.champion.size, np.bool_)
    groups = [group for group in (*declared_groups(applications.x), *attribute_groups(attributes)) if group.rows.any()]
    return Figures(
        whole=_part(applications, decisions, everybody),
        rank_correlation=rank_correlation(applications.champion, applications.candidate),
        linear_correlation=_linear_correlation(applications.champion, applications.candidate),
        weeks=tuple(_weeks(applications, decisions)),
        groups=tuple(_groups(applications, decisions, groups)),
    )


def density(applications: Applications) -> Density:
    """Up to the highest probability of either model."""
    highest = max(float(applications.champion.max()), float(applications.candidate.max()))
    borders = np.linspace(0, np.nextafter(np.float32(highest), np.float32(2)), CELLS + 1)
    counts, _, _ = np.histogram2d(applications.champion, applications.candidate, [borders, borders])
    return Density(borders, counts)


def _weeks(applications: Applications, decisions: BothDecisions) -> Iterator[WeekFigures]:
    weeks = applications.weeks
    for monday in np.unique(weeks):
        yield WeekFigures(monday.item(), _part(applications, decisions, weeks == monday))


def _part(applications: Applications, decisions: BothDecisions, rows: NDArray[np.bool_]) -> PartFigures:
    champion, candidate = applications.champion[rows], applications.candidate[rows]
    return PartFigures(
        applications=champion.size,
        mean_probability=OfBoth(*(float(p.mean(dtype=np.float64)) for p in (champion, candidate))),
        reviewed=OfBoth(float(decisions.champion[rows].mean()), float(decisions.candidate[rows].mean())),
        to_review=int(decisions.to_review[rows].sum()),
        to_pass=int(decisions.to_pass[rows].sum()),
        psi=score_psi(champion, candidate),
        expected_average_precision=OfBoth(
            *(expected_performance(p).average_precision for p in (champion, candidate)),
        ),
    )


def _groups(applications: Applications, decisions: BothDecisions, groups: Sequence[Group]) -> Iterator[GroupFigures]:
    champion, candidate = (
        group_fairness(groups, Answers(probabilities, decided.astype(np.float64)))
        for probabilities, decided in (
            (applications.champion, decisions.champion),
            (applications.candidate, decisions.candidate),
        )
    )
    to_review, to_pass = decisions.to_review, decisions.to_pass
    for group, before, after in zip(groups, champion, candidate, strict=True):
        if before.selection_rate is not None and after.selection_rate is not None:
            yield GroupFigures(
                name=group.name,
                applications=before.rows,
                champion=_review(before.selection_rate),
                candidate=_review(after.selection_rate),
                to_review=int(to_review[group.rows].sum()),
                to_pass=int(to_pass[group.rows].sum()),
            )


def _review(figure: GroupFigure) -> GroupReview:
    return GroupReview(figure.figure, figure.ratio)


def _linear_correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """NaN where one of them says the same of everybody."""
    centred = [scores - scores.mean(dtype=np.float64) for scores in (one, other)]
    spread = np.sqrt((centred[0] ** 2).sum() * (centred[1] ** 2).sum())
    return float((centred[0] * centred[1]).sum() / spread) if spread > 0 else float("nan")
