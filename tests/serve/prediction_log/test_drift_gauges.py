"""/metrics shows what the drift monitor said last, and nothing before it said anything."""

from __future__ import annotations

import pytest
from prometheus_client import generate_latest

from serve.prediction_log.drift_gauges import DriftGauges
from serve.prediction_log.upkeep_table import UpkeepTable
from tests.serve.prediction_log_rows import execute

CHECK = (
    "INSERT INTO drift_checks (checked_at, today, model_name, model_version, model_sha256, verdict, reasons, windows)"
    " VALUES (to_timestamp(1.5e9), now(), 'm', 3, '', %s, '{}', %s)"
)
WINDOWS = '[{"psi": {"Age_Days": 0.5, "ID_Days": 0.01}}, {"psi": {"Age_Days": 0.25, "ID_Days": 0.125}}]'
CLAIM = (
    "INSERT INTO retrainings (claimed_at, today, model_name, model_version, model_sha256, check_number, granted,"
    " reason) SELECT now(), now(), 'm', 3, '', max(number), %s, '' FROM drift_checks"
)


@pytest.fixture
def table(database: str) -> UpkeepTable:
    return UpkeepTable(database, 24)


def exposition(gauges: DriftGauges) -> str:
    return generate_latest(gauges.registry).decode()


def test_before_the_first_check_there_is_nothing(table: UpkeepTable) -> None:
    gauges = DriftGauges()
    gauges.show(table.drift_state())
    assert exposition(gauges) == ""


def test_the_last_check_is_shown(table: UpkeepTable, database: str) -> None:
    gauges = DriftGauges()
    execute(database, CHECK, "fail", WINDOWS)
    gauges.show(table.drift_state())
    text = exposition(gauges)
    for line in (
        "scoring_drift_last_check_timestamp_seconds 1.5e+09",
        "scoring_drift_model_version 3.0",
        'scoring_drift_verdict{verdict="fail"} 1.0',
        'scoring_drift_verdict{verdict="pass"} 0.0',
        "scoring_drift_worst_psi 0.5",
        'scoring_drift_psi{variable="Age_Days"} 0.5',
        'scoring_drift_psi{variable="ID_Days"} 0.125',
        "scoring_drift_retraining_refused 0.0",
    ):
        assert line in text.splitlines()


def test_a_refused_claim_is_an_alert_until_one_is_granted(table: UpkeepTable, database: str) -> None:
    gauges = DriftGauges()
    execute(database, CHECK, "fail", "[]")
    for granted, alert in [(True, 0), (False, 1), (True, 0)]:
        execute(database, CLAIM, granted)
        gauges.show(table.drift_state())
        assert f"scoring_drift_retraining_refused {alert}.0" in exposition(gauges)
