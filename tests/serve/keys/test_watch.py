"""Which keys a worker takes: those of now, whatever its connections remember and whether or not anything answers."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import pytest

from fraud.api_keys import ApiKey, Role, new_key, sha256_of
from serve.access.authentication import Administrator, Authenticator
from serve.access.control import AccessControl
from serve.access.scoring_login import ScoringLogin
from serve.errors import Unauthorized
from serve.keys.local_copy import LocalCopy
from serve.keys.stored_key import ValidKey
from serve.keys.uses import KeyUses
from serve.keys.watch import TERM, KeyWatch

OURS, THEIRS, OTHER = new_key(), new_key(), new_key()
BEGIN = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
LONG_AGO = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


class Worker:
    """What a worker process has of keys, and one connection to it."""

    def __init__(self, folder: Path) -> None:
        self.now = BEGIN
        self.copy = LocalCopy(folder / "api_keys.json")
        self.uses = KeyUses(folder / "uses")
        settings = [ApiKey.of(OURS, "us", [Role.SCORE])]
        authenticator = Authenticator(settings, Administrator("admin", "password"))
        self.watch = KeyWatch(authenticator, settings, self.copy, self.uses, lambda: self.now)
        self.access = AccessControl(authenticator, required=True)
        self.connection = ScoringLogin(self.access, ("192.0.2.1", 1))

    def keep(self, **ends: dt.datetime | None) -> None:
        """Have the copy hold these keys, by client."""
        secrets: Mapping[str, str] = {"them": THEIRS, "others": OTHER}
        self.copy.keep(
            [
                ValidKey(number, client, frozenset({Role.SCORE}), sha256_of(secrets[client]), end)
                for number, (client, end) in enumerate(ends.items(), 7)
            ]
        )
        self.watch.look()

    def caller(self, key: str) -> str | None:
        """Whose name a request on the connection gets."""
        try:
            return self.connection.caller({"x-api-key": key}, [], {}, changes=True).name
        except Unauthorized:
            return None


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    return Worker(tmp_path)


def test_keys_come_and_go_while_a_connection_stays(worker: Worker) -> None:
    assert [worker.caller(key) for key in (OURS, THEIRS)] == ["us", None]
    worker.keep(them=None)
    assert [worker.caller(key) for key in (THEIRS, THEIRS, OURS)] == ["them", "them", "us"]
    assert worker.caller(THEIRS) == "them", "what the connection remembers"
    worker.keep()
    assert worker.caller(THEIRS) is None
    assert worker.caller(OURS) == "us"


def test_key_ends_at_its_time_without_any_message(worker: Worker) -> None:
    worker.keep(them=BEGIN + dt.timedelta(hours=1), others=None)
    worker.now = BEGIN + dt.timedelta(hours=1, microseconds=-1)
    worker.watch.look()
    assert worker.caller(THEIRS) == "them"
    worker.now = BEGIN + dt.timedelta(hours=1)
    worker.watch.look()
    assert [worker.caller(key) for key in (THEIRS, OTHER)] == [None, "others"]


def test_look_that_finds_nothing_new_leaves_connections_alone(worker: Worker) -> None:
    worker.keep(them=None)
    term = worker.access.term
    worker.watch.look()
    assert worker.access.term == term


@pytest.mark.parametrize("damage", ["damaged", "gone"])
def test_keys_hold_while_their_copy_can_not_be_read(worker: Worker, damage: str) -> None:
    worker.keep(them=None)
    if damage == "damaged":
        worker.copy.path.write_bytes(b"[")
    else:
        worker.copy.path.unlink()
        worker.copy.path.mkdir()
    worker.watch.look()
    assert worker.caller(THEIRS) == "them"


def test_new_worker_knows_what_the_copy_says(worker: Worker, tmp_path: Path) -> None:
    worker.keep(them=None)
    again = Worker(tmp_path)
    again.watch.look()
    assert again.caller(THEIRS) == "them"


def test_use_of_a_stored_key_is_noted_once_a_term(worker: Worker) -> None:
    worker.keep(them=None, others=None)
    worker.caller(THEIRS)
    worker.caller(OURS)
    worker.caller(new_key())
    worker.watch.note_uses()
    assert set(worker.uses.since(LONG_AGO)) == {7}
    noted = worker.uses.since(LONG_AGO)[7]
    worker.watch.note_uses()
    assert worker.uses.since(noted) == {}, "nobody has used it since"
    worker.caller(THEIRS)
    worker.watch.note_uses()
    assert set(worker.uses.since(noted)) == {7}, "the connection has shown it again"


def test_task_looks_notes_and_notes_at_its_end(worker: Worker) -> None:
    async def go() -> None:
        task = asyncio.create_task(worker.watch.run())
        await asyncio.sleep(0)
        worker.caller(THEIRS)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    worker.keep(them=None)
    term = worker.access.term
    worker.now = BEGIN + TERM
    asyncio.run(go())
    assert worker.access.term == term + 2, "one term ended by time, one with the process"
    assert set(worker.uses.since(LONG_AGO)) == {7}


def test_full_disk_ends_no_worker(worker: Worker, tmp_path: Path) -> None:
    (tmp_path / "uses").write_text("no folder")

    async def go() -> None:
        task = asyncio.create_task(worker.watch.run())
        await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    worker.keep(them=None)
    worker.now = BEGIN + TERM
    asyncio.run(go())
    assert worker.caller(THEIRS) == "them"
