"""What a supervisor sees, from cases, judgements and outcomes. No database from here down."""

from __future__ import annotations

import datetime as dt
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from fraud.feature_file import Feature
from fraud.languages import ENGLISH
from fraud.shown_values import show_value
from fraud.statistics.agreement import agreement, kappa
from fraud.statistics.interval import Interval
from fraud.statistics.reliability import share_interval
from serve.cases.case import Decision, State
from serve.cases.overview import Judgement, OverviewCase

FREE: Final = frozenset({State.NEW, State.APPEALED})
OPEN: Final = frozenset({State.NEW, State.APPEALED, State.TAKEN, State.WAITING})


class Load(msgspec.Struct, frozen=True):
    """How much there is to do."""

    free: int
    overdue: int
    waiting: int
    escalated: int
    oldest_days: float | None
    """Age of the free case that was opened first."""
    median_days: float | None
    """Of all free cases."""
    by_officer: Sequence[tuple[str, int, int]]
    """Who, cases with them, and those of them that are overdue."""


class Agreement(msgspec.Struct, frozen=True):
    """How often judgements agree."""

    pairs: int
    share: Interval | None
    kappa: float | None


class WithTheModel(msgspec.Struct, frozen=True):
    """Officers and the model, before and after they saw what it says."""

    before: Agreement
    after: Agreement
    moved_to: Interval | None
    """Of first views that differed from the model: share whose decision was the model's."""
    moved_away: Interval | None
    """Of first views that were the model's: share whose decision differed."""


class GroupDecisions(msgspec.Struct, frozen=True):
    """Of one group: how many were decided, and the share that was no concern."""

    attribute: str
    value: str
    decided: int
    cleared: Interval


def load_of(cases: Sequence[OverviewCase], now: dt.datetime) -> Load:
    """Of the cases that are open."""
    still_open = [case for case in cases if case.state in OPEN]
    ages = [(now - case.opened_at) / dt.timedelta(days=1) for case in still_open if case.state in FREE]
    held: Counter[str] = Counter(case.holder for case in still_open if case.holder is not None)
    late: Counter[str] = Counter(case.holder for case in still_open if case.holder is not None and case.due_at < now)
    return Load(
        free=len(ages),
        overdue=sum(case.due_at < now for case in still_open),
        waiting=sum(case.state == State.WAITING for case in still_open),
        escalated=sum(case.is_escalated for case in still_open),
        oldest_days=max(ages, default=None),
        median_days=statistics.median(ages) if ages else None,
        by_officer=[(name, count, late[name]) for name, count in sorted(held.items())],
    )


def between_officers(judgements: Iterable[Judgement]) -> Agreement:
    """Of a judgement and the next one about the same case by somebody else."""
    pairs: list[tuple[bool, bool]] = []
    last: dict[int, Judgement] = {}
    for one in judgements:
        before = last.get(one.case_number)
        if before is not None and before.person != one.person:
            pairs.append((before.is_concerned, one.is_concerned))
        last[one.case_number] = one
    return _agreement(pairs)


def with_the_model(judgements: Iterable[Judgement], flagged: Mapping[int, bool]) -> WithTheModel:
    """`flagged`: whether the model had a case reviewed, by case; controls were not.

    Each first view is compared with the model, and with what the same officer decided first afterwards.
    """
    before: list[tuple[bool, bool]] = []
    after: list[tuple[bool, bool]] = []
    first: dict[tuple[int, str], bool] = {}
    moves: list[tuple[bool, bool]] = []
    for one in judgements:
        model, key = flagged.get(one.case_number), (one.case_number, one.person)
        if model is None:
            continue
        if one.is_first_view:
            before.append((one.is_concerned, model))
            first[key] = one.is_concerned == model
        elif key in first:
            after.append((one.is_concerned, model))
            moves.append((first.pop(key), one.is_concerned == model))
    return WithTheModel(
        _agreement(before),
        _agreement(after),
        _share([now for then, now in moves if not then]),
        _share([not now for then, now in moves if then]),
    )


def precision(
    outcomes: Mapping[int, bool], flagged: Mapping[int, bool], *, controls: bool
) -> tuple[int, Interval | None]:
    """Of cases that the model had reviewed, or of controls: how many have an outcome, and the share that divorced."""
    known = [divorced for number, divorced in outcomes.items() if flagged.get(number) is (not controls)]
    return len(known), _share(known)


def by_group(cases: Iterable[OverviewCase], groups: Mapping[int, Mapping[str, str]]) -> list[GroupDecisions]:
    """Of cases that were decided, each group's share of no concern."""
    found: dict[tuple[str, str], list[bool]] = {}
    for case in cases:
        if case.decision is None:
            continue
        for key in groups.get(case.number, {}).items():
            found.setdefault(key, []).append(case.decision == Decision.NO_CONCERN)
    return [
        GroupDecisions(attribute, value, len(decided), share_interval(sum(decided), len(decided)))
        for (attribute, value), decided in sorted(found.items())
    ]


def feature_groups(cases: Iterable[OverviewCase], features: Sequence[Feature]) -> dict[int, dict[str, str]]:
    """The groups of each case by the features of which the law protects people: case -> attribute -> value."""
    protected = [
        (column, one) for column, one in enumerate(features) if one.protected and (one.bands or one.is_enumerated)
    ]
    groups: dict[int, dict[str, str]] = {}
    for case in cases:
        values = case.features or ()
        for column, feature in protected:
            value = values[column] if column < len(values) else None
            if value is not None and not np.isnan(value):
                groups.setdefault(case.number, {})[feature.words_in(ENGLISH).called] = _band(feature, value)
    return groups


def _band(feature: Feature, value: float) -> str:
    if feature.is_enumerated:
        return show_value(feature, value)
    place = int(np.searchsorted(feature.bands, value, side="right"))
    if place == 0:
        return f"below {show_value(feature, feature.bands[0])}"
    if place == len(feature.bands):
        return f"{show_value(feature, feature.bands[-1])} or more"
    return f"{show_value(feature, feature.bands[place - 1])} to {show_value(feature, feature.bands[place])}"


def _agreement(pairs: list[tuple[bool, bool]]) -> Agreement:
    return Agreement(len(pairs), agreement(pairs), kappa(pairs))


def _share(found: Sequence[bool]) -> Interval | None:
    return share_interval(sum(found), len(found)) if found else None
