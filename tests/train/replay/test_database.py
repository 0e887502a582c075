"""The replay's database holds the same applications, and leaves nothing behind."""

from __future__ import annotations

import datetime as dt

import numpy as np
import psycopg2
import pytest

from fraud.errors import DatabaseError
from tests.train.conftest import store, synthetic_dataset
from train.dataset import load_dataset
from train.replay.database import copy_applications, temporary_database
from train.replay.errors import ReplayError

END = dt.date(2030, 1, 1)
NAME = "applications_replay"


@pytest.fixture
def filled(database: str) -> str:
    store(database, synthetic_dataset(500, 20, seed=5))
    return database


@pytest.fixture
def target(module_database: str) -> str:
    return module_database


def databases(dsn: str) -> set[str]:
    connection = psycopg2.connect(dsn)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database")
            return {name for (name,) in cursor.fetchall()}
    finally:
        connection.close()


def test_the_same_applications(filled: str, target: str) -> None:
    copy_applications(filled, target)
    original, copied = load_dataset(filled, END), load_dataset(target, END)
    for before, after in ((original.x, copied.x), (original.y, copied.y), (original.dates, copied.dates)):
        assert np.array_equal(before, after)


def test_the_replays_database_is_removed_even_after_a_fault(empty_database: str) -> None:
    def fail_in_the_midst() -> None:
        with temporary_database(empty_database, NAME) as dsn:
            assert NAME in databases(dsn)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_in_the_midst()
    assert NAME not in databases(empty_database)


def test_someone_still_connected_does_not_keep_it(empty_database: str) -> None:
    with temporary_database(empty_database, NAME) as dsn:
        left_open = psycopg2.connect(dsn)
    left_open.close()
    assert NAME not in databases(empty_database)


def test_a_name_that_is_taken_is_refused_and_kept(empty_database: str) -> None:
    with temporary_database(empty_database, NAME):
        with pytest.raises(ReplayError, match="already exists"), temporary_database(empty_database, NAME):
            pass
        assert NAME in databases(empty_database)


def test_no_table_is_an_error_that_says_what_to_do(empty_database: str, target: str) -> None:
    with pytest.raises(ReplayError, match="initdb"):
        copy_applications(empty_database, target)


def test_no_server(empty_database: str) -> None:
    nowhere = "host=127.0.0.1 port=1 dbname=x"
    with pytest.raises(DatabaseError), temporary_database(nowhere, NAME):
        pass
