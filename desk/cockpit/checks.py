"""Checks: the newest of each kind, and how it ended."""

from __future__ import annotations

import datetime as dt
from typing import Final

import msgspec
from psycopg2.extensions import connection as Connection

from fraud.report.kinds import CALLED
from fraud.report.stored import ReportKind, newest_reports

RETRAINING_BY_DRIFT: Final = "Retraining because of drift"

_RETRAINING: Final = """
    SELECT claimed_at, granted, reason FROM public.retrainings WHERE model_name = %s ORDER BY number DESC LIMIT 1
"""


class Check(msgspec.Struct, frozen=True):
    """The newest of one kind."""

    name: str
    kind: ReportKind | None = None
    """None: it is no report."""
    at: dt.datetime | None = None
    """None: there was none."""
    verdict: str = "none yet"
    report: int | None = None
    """Number of its report."""
    reason: str = ""


def newest_checks(connection: Connection, model: str) -> list[Check]:
    """The newest report of each kind, and the last decision about a retraining of a model because of drift."""
    found = {report.kind: report for report in newest_reports(connection)}
    checks = []
    for kind, name in CALLED.items():
        report = found.get(kind)
        made = Check(name, kind)
        if report is not None:
            made = Check(name, kind, report.made_at, report.verdict, report.number)
        checks.append(made)
    return [*checks, _retraining(connection, model)]


def _retraining(connection: Connection, model: str) -> Check:
    with connection.cursor() as cursor:
        cursor.execute(_RETRAINING, (model,))
        found = cursor.fetchone()
    if found is None:
        return Check(RETRAINING_BY_DRIFT)
    claimed_at, granted, reason = found
    return Check(RETRAINING_BY_DRIFT, None, claimed_at, "granted" if granted else "refused", None, reason)
