"""What the database knows of the months before: all SQL of the page, and what its rows say."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from psycopg2.extensions import connection as Connection

from fraud.features import FEATURES
from fraud.languages import ENGLISH
from fraud.statistics.interval import Interval

MONTHS: Final = 13
"""That are shown: a year, and the month of the year before."""
MOST_GATES: Final = 60

_DRIFT: Final = """
    SELECT to_char(checked_at AT TIME ZONE 'UTC', 'YYYY-MM'), psi.key, max(psi.value::float8)
    FROM public.drift_checks
    CROSS JOIN LATERAL jsonb_array_elements(windows) AS seen
    CROSS JOIN LATERAL jsonb_each_text(seen -> 'psi') AS psi
    WHERE model_name = %s AND checked_at AT TIME ZONE 'UTC'
            >= date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => %s)
    GROUP BY 1, 2
"""
_GATES: Final = """
    SELECT made_at, verdict, facts::json #>> '{quality,champion}', facts::json #>> '{quality,candidate}',
        facts::json #>> '{quality,versus_champion,average_precision,champion,estimate}',
        facts::json #>> '{quality,versus_champion,average_precision,candidate,estimate}'
    FROM public.reports WHERE kind = 'gate' ORDER BY number DESC LIMIT %s
"""
_GROUPS: Final = """
    SELECT facts FROM public.reports WHERE kind = 'groups' AND verdict <> 'error' ORDER BY number DESC LIMIT %s
"""


class GateResult(msgspec.Struct, frozen=True):
    """What a gate measured, on applications that neither version knew."""

    at: dt.datetime
    verdict: str
    champion: int | None
    candidate: int | None
    champion_ap: float | None
    candidate_ap: float | None


class _Share(msgspec.Struct):
    estimate: float


class _Figure(msgspec.Struct):
    figure: _Share


class _Group(msgspec.Struct):
    name: str
    is_crossing: bool
    selection_rate: _Figure | None


class _Month(msgspec.Struct):
    month: str
    groups: tuple[_Group, ...]


class RealisedMonth(msgspec.Struct, frozen=True):
    """What came true of a month's answers, as the newest check of groups has it."""

    month: str
    labelled: int
    divorced: int
    predicted: float
    happened: Interval
    average_precision: Interval | None = None


class _GroupFacts(msgspec.Struct):
    months: tuple[_Month, ...]
    realised: tuple[RealisedMonth, ...] = ()


def drift_by_month(connection: Connection, model_name: str) -> Mapping[str, Mapping[str, float]]:
    """The largest PSI of each variable in each month, as its checks found it."""
    called = {feature.name: feature.words_in(ENGLISH).called for feature in FEATURES}
    found: dict[str, dict[str, float]] = {name: {} for name in called.values()}
    with connection.cursor() as cursor:
        cursor.execute(_DRIFT, (model_name, MONTHS - 1))
        for month, variable, psi in cursor.fetchall():
            found.setdefault(called.get(variable, variable), {})[month] = psi
    return {name: months for name, months in found.items() if months}


def gate_results(connection: Connection) -> list[GateResult]:
    """The newest first."""
    with connection.cursor() as cursor:
        cursor.execute(_GATES, (MOST_GATES,))
        rows = cursor.fetchall()
    return [
        GateResult(at, verdict, _version(champion), _version(candidate), _figure(champion_ap), _figure(candidate_ap))
        for at, verdict, champion, candidate, champion_ap, candidate_ap in rows
    ]


def groups_by_month(connection: Connection) -> Mapping[str, Mapping[str, float]]:
    """The share of each group that the model would have reviewed, as the newest check of each month has it."""
    checks = _group_checks(connection, MONTHS)
    found: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for month in (month for check in checks for month in check.months):
        for group in month.groups:
            if group.selection_rate is not None and not group.is_crossing:
                found[group.name].setdefault(month.month, group.selection_rate.figure.estimate)
    return found


def realised_months(connection: Connection) -> Sequence[RealisedMonth]:
    """The newest last."""
    newest = _group_checks(connection, 1)
    return newest[0].realised if newest else ()


def _group_checks(connection: Connection, most: int) -> list[_GroupFacts]:
    """The newest first."""
    with connection.cursor() as cursor:
        cursor.execute(_GROUPS, (most,))
        return [msgspec.json.decode(facts, type=_GroupFacts) for (facts,) in cursor.fetchall()]


def _version(text: str | None) -> int | None:
    return None if text is None else int(text)


def _figure(text: str | None) -> float | None:
    return None if text is None else float(text)
