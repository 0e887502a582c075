"""What operators ask for is done once, by one process, with its output; what is old or lost is ended."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from psycopg2.extensions import make_dsn

from jenkins.schedule import requests
from jenkins.schedule.commands import Commands
from jenkins.schedule.requests import ACTS, Requests
from jenkins.schedule.requests_table import BROKEN_OFF, EXPIRED, RequestsTable, TaskTimes
from tests.serve.prediction_log_rows import execute, fetch

ASK = "INSERT INTO operator_requests (act, person) VALUES (%s, %s)"
STATES = (
    "SELECT number, begun_at IS NOT NULL, ended_at IS NOT NULL, exit_status, output FROM operator_requests ORDER BY 1"
)
TOMORROW = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)


@pytest.fixture
def table(database: str) -> RequestsTable:
    """With the rights of the schedule's role."""
    return RequestsTable(make_dsn(database, options="-c role=scoring_trainer"))


class Recorded(Commands):
    """Runs nothing, and writes down what it was to run."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.ran: list[tuple[tuple[str, ...], object]] = []

    def run(self, *arguments: str, **beside: object) -> int:
        self.ran.append((arguments, beside["acting_person"]))
        return 10


def test_all_that_is_asked_for_is_done_a_rollback_first(table: RequestsTable, database: str, tmp_path: Path) -> None:
    for act in ("check-drift", "retrain", "rollback"):
        execute(database, ASK, act, "{person} anna")
    commands = Recorded(tmp_path)
    Requests(table, list).look(commands)
    assert commands.ran == [
        (("bench", "rollback"), "{person} anna"),
        (("jenkins.drift", "check", "--now"), "{person} anna"),
        (("jenkins.retrain", "--reason", "asked for by {person} anna"), "{person} anna"),
    ]
    assert fetch(database, "SELECT DISTINCT exit_status, ended_at IS NOT NULL FROM operator_requests") == [(10, True)]


def test_one_request_is_taken_by_one_process(table: RequestsTable, database: str) -> None:
    execute(database, ASK, "rollback", "anna")
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: table.take(), range(8)))
    assert [one.act for one in taken if one is not None] == ["rollback"]


def test_a_command_runs_for_who_asked_and_its_output_is_passed_on(
    table: RequestsTable, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say = "import os; print(os.environ['ACTING_PERSON'], 'a\\0b', flush=True)"
    monkeypatch.setattr(requests, "ACTS", {"retrain": ("timeit", "-n1", "-r1", say)})
    execute(database, ASK, "retrain", "anna")
    Requests(table, list).look(Commands(tmp_path))
    ((*state, output),) = fetch(database, STATES)
    assert state == [1, True, True, 0]
    assert output.startswith("anna a\ufffdb\n")


@pytest.mark.parametrize(
    ("change", "ended", "output"),
    [
        ("SET asked_at = now() - interval '59 min'", False, ""),
        ("SET asked_at = now() - interval '61 min'", True, EXPIRED),
        ("SET begun_at = now(), seen_at = now() - interval '4 min'", False, ""),
        ("SET begun_at = now(), seen_at = now() - interval '6 min', output = 'so far'", True, f"so far\n{BROKEN_OFF}"),
    ],
)
def test_expired_and_lost_requests_are_closed_and_not_run(
    table: RequestsTable, database: str, change: str, output: str, *, ended: bool
) -> None:
    execute(database, ASK, "rollback", "anna")
    execute(database, f"UPDATE operator_requests {change}")
    taken = table.take()
    assert (taken is not None) is ("59 min" in change)
    ((_, _, is_ended, status, told),) = fetch(database, STATES)
    assert (is_ended, status, told) == (ended, None, output)


def test_the_schedule_says_once_a_minute_that_it_is_there(table: RequestsTable, database: str, tmp_path: Path) -> None:
    told = Requests(table, lambda: [TaskTimes("retrain", None, TOMORROW)])
    told.look(Recorded(tmp_path))
    assert fetch(database, "SELECT task, begun_at, next_at FROM schedule_times") == [("retrain", None, TOMORROW)]
    execute(database, "UPDATE schedule_times SET next_at = NULL")
    told.say_that_we_are_there()
    assert fetch(database, "SELECT next_at FROM schedule_times") == [(None,)]


def test_a_database_that_is_away_is_told_once_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    away = Requests(RequestsTable("host=127.0.0.1 port=1 dbname=none"), list)
    for _ in range(3):
        away.look(Recorded(tmp_path))
    assert len(caplog.records) == 1


def test_commands_are_those_of_a_terminal() -> None:
    assert all(arguments[0] in {"jenkins.drift", "jenkins.retrain", "bench"} for arguments in ACTS.values())
