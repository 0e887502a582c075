"""`/desk/supervision`: how officers work on cases, for supervisors."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

from psycopg2.extensions import connection as Connection
from starlette.responses import Response

from desk.cases.figures import between_officers, by_group, feature_groups, load_of, precision, with_the_model
from desk.rendering import render
from desk.visits import Page, Visit
from fraud.features import FEATURES
from fraud.review_policy import PolicyError, signed_policies
from fraud.review_policy_table import read_journal
from fraud.statistics.interval import Interval
from serve.cases.overview import OverviewCase, read_case_groups, read_case_outcomes, read_judgements, read_overview
from serve.people.account import PersonRole
from serve.scoring.asks import policy_on_record

PERIOD: Final = dt.timedelta(days=365)
"""Cases that were opened within it are shown."""


def supervision_page() -> Page:
    """Its address."""
    return Page("/desk/supervision", _show, roles=frozenset({PersonRole.SUPERVISE}))


def _show(visit: Visit) -> Response:
    connection, now = visit.connection, dt.datetime.now(dt.UTC)
    cases = read_overview(connection, now - PERIOD)
    judgements, outcomes = read_judgements(connection, now - PERIOD), read_case_outcomes(connection)
    flagged = _flagged(connection, cases)
    groups = feature_groups(cases, FEATURES)
    for number, attributes in read_case_groups(connection).items():
        groups.setdefault(number, {}).update(attributes)
    return render(
        "supervision.html",
        visit,
        load=load_of(cases, now),
        officers=between_officers(judgements),
        model=with_the_model(judgements, flagged),
        precisions={
            "above the threshold": precision(outcomes, flagged, controls=False),
            "control sample": precision(outcomes, flagged, controls=True),
        },
        groups=by_group(cases, groups),
        share=_share,
        period=PERIOD.days,
    )


def _flagged(connection: Connection, cases: Sequence[OverviewCase]) -> dict[int, bool]:
    """Whether a case is above its policy's threshold, and no control; by case, where the record is still there."""
    try:
        thresholds = {policy.id: float(policy.threshold) for policy in signed_policies(read_journal(connection))}
    except PolicyError:
        return {}
    flagged: dict[int, bool] = {}
    for case in cases:
        name = None if case.endpoint is None else policy_on_record(case.endpoint)
        if case.probability is not None and name in thresholds:
            flagged[case.number] = case.probability >= thresholds[name]
    return flagged


def _share(found: Interval | None) -> str:
    """A share with its interval, in words."""
    if found is None:
        return "not known yet"
    return f"{found.estimate:.0%} (95%: {found.low:.0%} to {found.high:.0%})"
