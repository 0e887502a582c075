"""What needs a person: each fault is a line that says what to do, and nothing else is."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest

from desk.cockpit.alerts import LONGEST_AGE, Alert, alerts
from desk.cockpit.checks import RETRAINING_BY_DRIFT, Check
from desk.cockpit.schedule import ScheduledTask
from desk.cockpit.traffic import Traffic
from fraud.report.kinds import TO_DO
from fraud.report.stored import ReportKind
from fraud.verdict import Verdict
from tests.desk.conftest import COUNTERS

NOW = dt.datetime(2026, 5, 2, tzinfo=dt.UTC)
WELL = [Check(kind.value, kind, NOW, Verdict.PASS, 1) for kind in ReportKind]
HEARD = [ScheduledTask("retrain", None, NOW, is_heard=True)]
QUIET = Traffic(3_600.0, 1_000, 1, 1_000, (1_000,))


def told(checks: list[Check]) -> list[Alert]:
    return alerts(checks, COUNTERS, QUIET, HEARD, NOW)


def test_a_healthy_system_raises_no_alert() -> None:
    assert told(WELL) == []


@pytest.mark.parametrize(("kind", "verdict"), list(TO_DO))
def test_a_verdict_that_needs_somebody_is_a_line_with_its_report(kind: ReportKind, verdict: str) -> None:
    checks = [Check("it", kind, NOW, verdict, 7) if check.kind is kind else check for check in WELL]
    assert told(checks) == [Alert(TO_DO[kind, verdict], 7)]


def test_every_verdict_that_needs_somebody_is_one() -> None:
    assert {verdict for _, verdict in TO_DO} <= {verdict.value for verdict in Verdict} - {"pass"}


@pytest.mark.parametrize("kind", list(LONGEST_AGE))
def test_overdue_and_missing_work_raises_an_alert(kind: ReportKind) -> None:
    longest, how = LONGEST_AGE[kind]
    old = NOW - longest - dt.timedelta(hours=1)
    aged = [msgspec.structs.replace(check, at=old) for check in WELL if check.kind is kind]
    assert told(aged) == [Alert(f"{kind}: the last one is {longest.days} days old. {how}", 1)]
    assert told([Check("it", kind)]) == [Alert(f"it: none yet. {how}")]


def test_drift_without_a_retraining_is_told() -> None:
    refused = Check(RETRAINING_BY_DRIFT, None, NOW, "refused", None, "one was begun yesterday")
    assert [alert.text for alert in told([refused])] == [
        "Drift was found, and no retraining was started: one was begun yesterday."
    ]
    assert told([msgspec.structs.replace(refused, verdict="granted")]) == []


def test_records_that_wait_refusals_and_a_silent_schedule_are_told() -> None:
    waiting = msgspec.structs.replace(COUNTERS, oldest_s=61.0)
    refused = msgspec.structs.replace(QUIET, refused=11)
    silent = [msgspec.structs.replace(HEARD[0], is_heard=False)]
    texts = [alert.text for alert in alerts(WELL, waiting, refused, silent, NOW)]
    assert [text.split()[0] for text in texts] == ["Waiting", "1.1%", "The"]
    assert alerts(WELL, COUNTERS, None, [], NOW) == [], "where Jenkins runs the tasks no schedule is missed"
