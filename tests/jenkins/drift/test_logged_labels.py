"""Outcomes of logged applications as the monitor counts them: each as many as it stands for."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from fraud.database import connect
from fraud.registry import ModelVersion
from jenkins.drift.logged_applications import LoggedApplications, Span
from serve.prediction_log.chain import microseconds
from tests.serve.prediction_log_rows import execute, record, running_spool, ship_all

NOON = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
VERSION = ModelVersion("m", 1, "00" * 32, NOON.date(), NOON.date(), "run", {})


def labels(dsn: str, known_before: dt.datetime | None = None) -> tuple[int, int]:
    with connect(dsn) as connection:
        return LoggedApplications(connection, VERSION, [1], known_before).labels(Span(NOON - DAY, NOON + DAY))


@pytest.fixture
def log(database: str, tmp_path: Path) -> str:
    """Two hundred applications, of which half divorced."""
    with running_spool(tmp_path) as spool:
        spool.append(record(200, application_ids=[f"A{n}" for n in range(200)], received_at=microseconds(NOON)))
    ship_all(tmp_path, database)
    return database


OUTCOMES = "INSERT INTO application_outcomes SELECT 'A' || n, n %% 2, '2026-06-01' FROM generate_series(0, 199) AS n"


def test_outcomes_of_everybody_are_counted_one_by_one(log: str) -> None:
    assert labels(log) == (0, 0)
    execute(log, OUTCOMES)
    assert labels(log) == (200, 100)
    assert labels(log, dt.datetime.now(dt.UTC) - DAY) == (0, 0), "nobody knew them yesterday"


def test_outcomes_of_who_was_looked_at_count_for_all_whom_they_stand_for(log: str) -> None:
    execute(log, OUTCOMES)
    # Of those who stayed together, one in four was looked at.
    execute(log, 'UPDATE application_outcomes SET looked_at_probability = 0.25 WHERE "Divorce" = 0')
    assert labels(log) == (round(500**2 / (100 * 16 + 100)), round(500**2 / 1700 * 100 / 500))
