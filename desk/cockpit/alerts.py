"""Alerts: one line each, with what to do. They follow from the figures that the page shows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from desk.cockpit.checks import RETRAINING_BY_DRIFT, Check
from desk.cockpit.counters import Counters
from desk.cockpit.schedule import ScheduledTask, is_heard
from desk.cockpit.traffic import Traffic
from fraud.counted import counted
from fraud.report.kinds import TO_DO
from fraud.report.stored import ReportKind

OLDEST_RECORD_S: Final = 60.0
"""Records reach the database within a second."""
REFUSED_SHARE: Final = 0.01

LONGEST_AGE: Final = {
    ReportKind.DRIFT: (dt.timedelta(days=3), "Run `python -m jenkins.drift check`."),
    ReportKind.VERIFY: (dt.timedelta(days=35), "Run `python -m serve.audit verify`."),
    ReportKind.BACKUP: (dt.timedelta(days=8), "Run `python -m serve.audit backup FOLDER`."),
}
"""Of the newest of a kind, and what makes a new one."""


class Alert(msgspec.Struct, frozen=True):
    """Something for a person to do."""

    text: str
    report: int | None = None
    """That says more."""


def alerts(
    checks: Sequence[Check],
    counters: Counters,
    last_hour: Traffic | None,
    tasks: list[ScheduledTask],
    now: dt.datetime,
) -> list[Alert]:
    """All of them."""
    return [*_of_checks(checks, now), *_of_traffic(counters, last_hour), *_of_schedule(tasks)]


def _of_checks(checks: Sequence[Check], now: dt.datetime) -> Iterator[Alert]:
    for check in checks:
        if check.kind is None:
            if check.name == RETRAINING_BY_DRIFT and check.verdict == "refused":
                yield Alert(f"Drift was found, and no retraining was started: {check.reason}.")
            continue
        to_do = TO_DO.get((check.kind, check.verdict))
        if to_do is not None:
            yield Alert(to_do, check.report)
        longest, how = LONGEST_AGE.get(check.kind, (None, ""))
        if longest is None:
            continue
        if check.at is None:
            yield Alert(f"{check.name}: none yet. {how}")
        elif now - check.at > longest:
            yield Alert(f"{check.name}: the last one is {(now - check.at).days} days old. {how}", check.report)


def _of_traffic(counters: Counters, last_hour: Traffic | None) -> Iterator[Alert]:
    if counters.oldest_s > OLDEST_RECORD_S:
        yield Alert(
            f"Waiting for the database: {counted(counters.waiting_records, 'record')}, "
            f"the oldest for {counters.oldest_s:,.0f} s: "
            "check whether PostgreSQL answers. The server answers until the spool is full."
        )
    if last_hour is not None and last_hour.refused_share > REFUSED_SHARE:
        yield Alert(
            f"{last_hour.refused_share:.1%} of the requests of the last hour got an error: the server's log counts "
            "them by status. 4xx: a client sends faulty requests; 503: the server is overloaded."
        )


def _of_schedule(tasks: list[ScheduledTask]) -> Iterator[Alert]:
    if tasks and not is_heard(tasks):
        yield Alert("The schedule no longer reports: start `python -m jenkins.schedule` again.")
