"""The history of versions in production: each change once, whoever finishes it, and none by the desk."""

from __future__ import annotations

import logging

import psycopg2
import pytest
from psycopg2.extensions import make_dsn

from fraud.database import connect
from fraud.model_changes import Act, list_changes, note_change
from tests.serve.prediction_log_rows import execute

MODEL = "m"


def changes(dsn: str) -> list[tuple[str, int, int | None, str]]:
    with connect(dsn) as connection:
        return [(one.act, one.version, one.before, one.person) for one in list_changes(connection, MODEL, 10)]


def test_a_change_is_written_once_and_listed_newest_first(database: str) -> None:
    trainer = make_dsn(database, options="-c role=scoring_trainer")
    note_change(trainer, MODEL, Act.PROMOTION, 1, before=None, person="anna")
    note_change(trainer, MODEL, Act.PROMOTION, 2, before=1, person="anna")
    note_change(trainer, MODEL, Act.PROMOTION, 2, before=None, person="bert")
    note_change(trainer, "other", Act.PROMOTION, 1, before=None, person="anna")
    note_change(trainer, MODEL, Act.ROLLBACK, 1, before=2, person="bert")
    assert changes(database) == [
        ("rollback", 1, 2, "bert"),
        ("promotion", 2, 1, "anna"),
        ("promotion", 1, None, "anna"),
    ]


def test_a_change_is_never_undone_for_its_note(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        note_change("host=127.0.0.1 port=1 dbname=none", MODEL, Act.PROMOTION, 1, before=None, person="anna")
    assert "not in the history" in caplog.text


def test_recorded_changes_are_append_only(database: str) -> None:
    note_change(database, MODEL, Act.PROMOTION, 1, before=None, person="anna")
    for statement in ("UPDATE model_changes SET person = 'x'", "DELETE FROM model_changes", "TRUNCATE model_changes"):
        with pytest.raises(psycopg2.errors.RaiseException, match="only grows"):
            execute(database, statement)
