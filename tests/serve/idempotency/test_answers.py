"""What becomes of a key when the first request with it was answered, is under way, or died at any step."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from serve.errors import IdempotencyKeyInUse, IdempotencyKeyReused, IdempotencyUnavailable
from serve.idempotency.answers import DATABASE_FILE, FOLDER, SavedAnswer, SavedAnswers
from serve.idempotency.forgetting import forget
from serve.idempotency.store_key import KEY_FILE, store_key
from serve.prediction_log.record import RecordPlace
from serve.prediction_log.spool import Spool
from tests.serve.prediction_log_rows import record, running_spool, ship_all

KEY, REQUEST, OTHER_REQUEST = b"key", b"request", b"other request"
ANSWER = SavedAnswer(b'{"probability":0.25}', "application/json", {"X-Model-Version": "3"}, 1, "r-1")


@contextmanager
def server_process(folder: Path, keep_s: float = 3600, max_bytes: int = 1024**2) -> Iterator[SavedAnswers]:
    """What a process does to the answers; at the end it is gone, whatever it was at."""
    answers = SavedAnswers(folder, keep_s, max_bytes, durable=False)
    answers.start()
    try:
        yield answers
    finally:
        answers.stop()


def give_up(place: RecordPlace) -> None:
    raise ConnectionError(f"the process dies before it writes {place}")


def promise_only(answers: SavedAnswers, spool: Spool) -> None:
    def promise_and_die(place: RecordPlace) -> None:
        answers.promise(KEY, ANSWER, place)
        give_up(place)

    with pytest.raises(ConnectionError):
        spool.append(record(), promise_and_die)


def test_the_answer_is_given_again_by_any_process(tmp_path: Path) -> None:
    with server_process(tmp_path) as first, server_process(tmp_path) as second, running_spool(tmp_path) as spool:
        assert first.claim(KEY, REQUEST) is None
        spool.append(record(), partial(first.promise, KEY, ANSWER))
        first.confirm(KEY)
        assert first.claim(KEY, REQUEST) == second.claim(KEY, REQUEST) == ANSWER


def test_another_request_with_the_key_is_refused(tmp_path: Path) -> None:
    with server_process(tmp_path) as answers:
        answers.claim(KEY, REQUEST)
        with pytest.raises(IdempotencyKeyReused, match="another request"):
            answers.claim(KEY, OTHER_REQUEST)


def test_a_key_is_in_use_while_its_process_lives_and_free_when_it_has_died(tmp_path: Path) -> None:
    with server_process(tmp_path) as second:
        with server_process(tmp_path) as first:
            assert first.claim(KEY, REQUEST) is None
            for process in (first, second):
                with pytest.raises(IdempotencyKeyInUse):
                    process.claim(KEY, REQUEST)
        assert second.claim(KEY, REQUEST) is None
        with pytest.raises(IdempotencyKeyInUse):
            second.claim(KEY, REQUEST)


def test_a_request_that_was_refused_frees_its_key(tmp_path: Path) -> None:
    with server_process(tmp_path) as answers:
        answers.claim(KEY, REQUEST)
        answers.release(KEY)
        assert answers.claim(KEY, OTHER_REQUEST) is None


def test_a_promise_counts_once_its_record_is_written(tmp_path: Path) -> None:
    with server_process(tmp_path) as second:
        with server_process(tmp_path) as first, running_spool(tmp_path) as spool:
            spool.append(record())
            first.claim(KEY, REQUEST)
            spool.append(record(), partial(first.promise, KEY, ANSWER))
        assert second.claim(KEY, REQUEST) == ANSWER


def test_a_promise_counts_when_its_record_is_in_the_database_already(tmp_path: Path, database: str) -> None:
    with server_process(tmp_path) as second:
        with server_process(tmp_path) as first, running_spool(tmp_path) as spool:
            first.claim(KEY, REQUEST)
            spool.append(record(), partial(first.promise, KEY, ANSWER))
        ship_all(tmp_path, database)
        assert not list(tmp_path.glob("*.sealed"))
        assert second.claim(KEY, REQUEST) == ANSWER


def test_a_promise_whose_record_was_never_written_is_void(tmp_path: Path) -> None:
    with server_process(tmp_path) as second:
        with server_process(tmp_path) as first, running_spool(tmp_path) as spool:
            spool.append(record())
            first.claim(KEY, REQUEST)
            promise_only(first, spool)
        assert second.claim(KEY, REQUEST) is None


def test_an_old_answer_is_forgotten(tmp_path: Path) -> None:
    with server_process(tmp_path) as answers:
        answers.claim(KEY, REQUEST)
    with server_process(tmp_path, keep_s=-1) as answers:
        assert answers.claim(KEY, OTHER_REQUEST) is None


def test_past_the_bound_keys_are_refused_and_nothing_is_half_kept(tmp_path: Path) -> None:
    large: Any = msgspec.structs.replace(ANSWER, content=bytes(1024**2))
    with server_process(tmp_path, max_bytes=256 * 1024) as answers, running_spool(tmp_path) as spool:
        answers.claim(KEY, REQUEST)
        with pytest.raises(IdempotencyUnavailable, match="full"):
            spool.append(record(), partial(answers.promise, KEY, large))
        answers.release(KEY)
        assert answers.claim(KEY, OTHER_REQUEST) is None
        assert not list(tmp_path.glob("*.open")), "no record was written"


def test_a_file_of_before_its_digests_were_keyed_is_keyed_and_still_known(tmp_path: Path) -> None:
    with server_process(tmp_path) as answers, running_spool(tmp_path) as spool:
        answers.claim(KEY, REQUEST)
        spool.append(record(), partial(answers.promise, KEY, ANSWER))
        answers.confirm(KEY)
    with closing(sqlite3.connect(tmp_path / FOLDER / DATABASE_FILE)) as database, database:
        database.execute("UPDATE answers SET key = ?, request = ?", (KEY, REQUEST))
        database.execute("PRAGMA user_version = 0")
    with server_process(tmp_path) as answers:
        assert answers.claim(KEY, REQUEST) == ANSWER
    with closing(sqlite3.connect(tmp_path / FOLDER / DATABASE_FILE)) as database:
        assert database.execute("SELECT key, request FROM answers").fetchall() != [(KEY, REQUEST)]


def test_an_expired_answer_is_neither_repeated_nor_recorded_again(tmp_path: Path) -> None:
    with server_process(tmp_path) as answers, running_spool(tmp_path) as spool:
        places: list[RecordPlace] = []

        def promise(place: RecordPlace) -> None:
            places.append(place)
            answers.promise(KEY, ANSWER, place)

        answers.claim(KEY, REQUEST)
        spool.append(record(), promise)
        answers.confirm(KEY)
        assert forget(tmp_path, places) == 1
        assert forget(tmp_path, places) == 0
        with pytest.raises(IdempotencyKeyReused):
            answers.claim(KEY, REQUEST)
    contents = b"".join(path.read_bytes() for path in (tmp_path / FOLDER).rglob("answers*"))
    assert ANSWER.content not in contents
    assert ANSWER.request_id.encode() not in contents


def test_the_stores_key_is_its_owners_alone_and_the_same_for_all_processes(tmp_path: Path) -> None:
    with server_process(tmp_path):
        key = store_key(tmp_path / FOLDER)
        assert (tmp_path / FOLDER / KEY_FILE).stat().st_mode & 0o077 == 0
    with server_process(tmp_path):
        assert store_key(tmp_path / FOLDER) == key
    assert not list((tmp_path / FOLDER).glob("*.new"))
