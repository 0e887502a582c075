"""Outcomes keep their history: what was known when, who said so, and nothing is changed without a trace."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import make_dsn

from fraud.database import connect
from initdb.upgrade import migration_files
from serve.audit.outcomes import outcome_faults
from tests.serve.prediction_log_rows import execute, fetch

MARCH = dt.datetime(2026, 3, 15, 2, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
APPEND = "SELECT append_outcome(%s, 'court', %s, NULL, %s, %s, '2026-03-01', 'register', %s)"
KNOWN = """SELECT application_id, "Divorce" FROM outcomes_known(%s) ORDER BY 1"""


def append(dsn: str, at: dt.datetime, act: str, name: str, divorce: int | None, weight: float = 1) -> None:
    execute(dsn, APPEND, at, act, name, divorce, weight)


def send(dsn: str, key: str, name: str, divorce: int | None) -> None:
    values = "ARRAY[%s], ARRAY[%s]::smallint[], '{2026-03-01}', '{register}'"
    execute(dsn, f"SELECT record_outcomes('court', %s, sha256('x'), {values})", key, name, divorce)


def known(dsn: str, before: dt.datetime) -> Sequence[tuple[Any, ...]]:
    return fetch(dsn, KNOWN, before)


def faults(dsn: str) -> list[str]:
    with connect(dsn) as connection:
        return list(outcome_faults(connection))


@pytest.fixture
def history(database: str) -> str:
    append(database, MARCH, "outcome", "A", 0)
    append(database, MARCH, "outcome", "B", 1)
    append(database, MARCH + DAY, "correction", "A", 1)
    append(database, MARCH + 2 * DAY, "withdrawal", "B", None)
    append(database, MARCH + 3 * DAY, "outcome", "B", 0)
    return database


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        pytest.param(0, [], id="what is recorded at a moment is not known before it"),
        pytest.param(0.1, [("A", 0), ("B", 1)], id="first labels"),
        pytest.param(1.1, [("A", 1), ("B", 1)], id="a correction"),
        pytest.param(2.1, [("A", 1)], id="a withdrawal"),
        pytest.param(3.1, [("A", 1), ("B", 0)], id="told again"),
    ],
)
def test_knowledge_as_of_a_moment_is_what_was_recorded_before(
    history: str, days: float, expected: list[tuple[str, int]]
) -> None:
    assert known(history, MARCH + days * DAY) == expected


def test_an_entry_is_never_recorded_earlier_than_the_one_before(history: str) -> None:
    append(history, MARCH, "outcome", "C", 1)
    assert ("C", 1) not in known(history, MARCH + 3 * DAY)
    assert faults(history) == []


@pytest.mark.parametrize(
    "statement",
    [
        'UPDATE outcomes SET "Divorce" = 0 WHERE number = 2',
        "UPDATE outcomes SET recorded_at = recorded_at - interval '1 day'",
        "UPDATE outcomes SET author = 'x'",
        "DELETE FROM outcomes",
        "TRUNCATE outcomes",
        "DELETE FROM label_submissions",
    ],
)
def test_recorded_outcomes_are_append_only(history: str, statement: str) -> None:
    with pytest.raises(psycopg2.Error, match="only grows"):
        execute(history, statement)


CHANGES = [
    ('UPDATE outcomes SET "Divorce" = 0 WHERE number = 2', "entry 2 of outcomes does not say what was written"),
    ("UPDATE outcomes SET looked_at_probability = 0.5 WHERE number = 3", "entry 3 of outcomes does not say"),
    ("UPDATE outcomes SET author = 'x' WHERE number = 1", "entry 1 of outcomes was changed"),
    (
        "UPDATE outcomes SET recorded_at = recorded_at - interval '1 us' WHERE number = 4",
        "entry 4 of outcomes was changed",
    ),
    ("DELETE FROM outcomes WHERE number = 3", "entries 3 to 3 of outcomes are missing"),
    (
        'UPDATE outcomes SET application_id = NULL, "Divorce" = NULL, valid_on = NULL, source = NULL,'
        " looked_at_probability = NULL, salt = NULL WHERE number = 1",
        "entry 1 of outcomes is blank, but was not erased",
    ),
]


@pytest.mark.parametrize(("statement", "told"), CHANGES, ids=[told for _, told in CHANGES])
def test_a_change_behind_the_triggers_is_found(history: str, statement: str, told: str) -> None:
    assert faults(history) == []
    execute(
        history, f"ALTER TABLE outcomes DISABLE TRIGGER USER; {statement}; ALTER TABLE outcomes ENABLE TRIGGER USER"
    )
    assert any(told in fault for fault in faults(history))


def test_an_erasure_blanks_the_whole_history_and_keeps_the_chain(history: str) -> None:
    assert fetch(history, "SELECT erase_outcomes('anna', ARRAY['A', 'nobody'])") == [(1,)]
    assert fetch(
        history, "SELECT count(*) FROM outcomes WHERE application_id = 'A' OR number IN (1, 3) AND salt <> ''"
    ) == [(0,)]
    assert known(history, MARCH + 1.1 * DAY) == [("B", 1)], "nor was it ever known"
    assert fetch(history, "SELECT act, author, erases FROM outcomes ORDER BY number DESC LIMIT 1") == [
        ("erasure", "anna", [1, 3])
    ]
    assert faults(history) == []
    assert fetch(history, "SELECT erase_outcomes('anna', ARRAY['A'])") == [(0,)]


def test_outcomes_of_before_keep_their_meaning(empty_database: str) -> None:
    """What was known when follows from the day on which they say they were known; never from the future."""
    versions = sorted(migration_files())
    before = [path for path in versions if path.stem < "v0022"]
    for path in before:
        run_file(empty_database, path)
    execute(
        empty_database,
        "INSERT INTO application_outcomes VALUES ('B', 1, '2026-03-01', 0.25), ('A', 0, '2026-01-01', 1),"
        " ('C', 1, '2999-01-01', 1)",
    )
    shown = "SELECT * FROM application_outcomes ORDER BY application_id"
    kept = fetch(empty_database, shown)
    run_file(empty_database, next(path for path in versions if path.stem.startswith("v0022")))
    assert fetch(empty_database, shown) == kept
    assert known(empty_database, dt.datetime(2026, 2, 1, tzinfo=dt.UTC)) == [("A", 0)]
    assert known(empty_database, dt.datetime(2026, 3, 2, tzinfo=dt.UTC)) == [("A", 0), ("B", 1)]
    assert known(empty_database, dt.datetime.now(dt.UTC) + DAY) == [("A", 0), ("B", 1), ("C", 1)]
    assert faults(empty_database) == []


def run_file(dsn: str, path: Path) -> None:
    with connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(path.with_suffix(".sql").read_text())


def test_writing_to_the_name_of_before_leaves_a_trace(database: str) -> None:
    execute(database, "INSERT INTO application_outcomes VALUES ('A', 1, '2026-06-01'), ('B', 0, '2026-06-01')")
    execute(database, "UPDATE application_outcomes SET \"Divorce\" = 0 WHERE application_id = 'A'")
    execute(database, "UPDATE application_outcomes SET looked_at_probability = 0.25")
    execute(database, "DELETE FROM application_outcomes WHERE application_id = 'B'")
    with pytest.raises(psycopg2.errors.UniqueViolation):
        execute(database, "INSERT INTO application_outcomes VALUES ('A', 1, '2026-06-01')")
    assert fetch(
        database, 'SELECT act, application_id, "Divorce", looked_at_probability FROM outcomes ORDER BY number'
    ) == [
        ("outcome", "A", 1, 1),
        ("outcome", "B", 0, 1),
        ("correction", "A", 0, 1),
        *sorted([("weighing", "A", 0, 0.25), ("weighing", "B", 0, 0.25)]),
        ("withdrawal", "B", None, 0.25),
    ]
    assert faults(database) == []


@pytest.mark.parametrize("dates", ["ISO, DMY", "German", "SQL, MDY"])
def test_hashes_do_not_depend_on_the_session(database: str, dates: str) -> None:
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('datestyle', %s, false), set_config('extra_float_digits', '-10', false)", (dates,)
        )
        cursor.execute("INSERT INTO application_outcomes VALUES ('é', 1, date '2026-06-01', 0.123456789)")
    assert faults(database) == []


def test_a_moment_waits_for_open_transactions(database: str) -> None:
    """Else a later training as of the same moment would know more."""
    from train.table import moment_known

    waiting = make_dsn(database, options="-c lock_timeout=200")
    with connect(database) as writer, writer.cursor() as cursor:
        cursor.execute("INSERT INTO application_outcomes VALUES ('A', 1, '2026-06-01')")
        with pytest.raises(psycopg2.errors.LockNotAvailable), psycopg2.connect(waiting) as reader:
            moment_known(reader)
    with connect(database) as reader:
        moment = moment_known(reader)
    assert known(database, moment) == [("A", 1)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE label_submissions SET corrected = 5 WHERE number = 1",
        "UPDATE label_submissions SET recorded = 0 WHERE number = 2",
        "UPDATE label_submissions SET author = 'somebody' WHERE number = 2",
        "UPDATE outcomes SET submission = 1 WHERE number = 3",
        "UPDATE outcomes SET submission = NULL WHERE number = 3",
    ],
)
def test_a_submission_that_says_otherwise_than_its_entries_is_found(database: str, change: str) -> None:
    send(database, "monday", "A", 1)
    send(database, "tuesday", "B", 1)
    send(database, "wednesday", "A", None)
    execute(database, "SELECT erase_outcomes('tests', '{B}')")
    assert faults(database) == []
    execute(database, f"ALTER TABLE outcomes DISABLE TRIGGER ALL; {change}; ALTER TABLE outcomes ENABLE TRIGGER ALL")
    told = faults(database)
    assert told, change
    assert all("of labels does not match its entries" in one for one in told)
