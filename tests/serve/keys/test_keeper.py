"""The shipper's part: the copy follows the database, holds while that is away, and uses get there."""

from __future__ import annotations

import datetime as dt
import logging
import os
import threading
from pathlib import Path

import pytest
from psycopg2.extensions import make_dsn

from fraud.api_keys import Role
from fraud.database import connect
from serve.keys import administration
from serve.keys.keeper import KeyKeeper
from serve.keys.local_copy import LocalCopy
from serve.keys.uses import KeyUses
from tests.live_stack import wait_until
from tests.serve.prediction_log_rows import fetch

AWAY = "host=/nowhere dbname=none user=scoring_server"


class Server:
    """One server's copy and notes, with the rights of the server's role."""

    def __init__(self, folder: Path, dsn: str) -> None:
        self.copy = LocalCopy(folder / "api_keys.json")
        self.uses = KeyUses(folder / "uses")
        self.behind_s: list[float] = []
        limited = make_dsn(dsn, options="-c role=scoring_server")
        self.keeper = KeyKeeper(limited, self.copy, self.uses, self.behind_s.append)

    def clients(self) -> list[str]:
        return [key.client for key in self.copy.read()]


def added(dsn: str, client: str) -> int:
    with connect(dsn) as connection:
        return administration.add(connection, "shell:tests", client, [Role.SCORE]).number


def test_copy_follows_what_is_made_revoked_and_ended(database: str, tmp_path: Path) -> None:
    server = Server(tmp_path, database)
    server.keeper.keep_up()
    assert server.copy.version() is not None, "no keys are something to know as well"
    numbers = [added(database, client) for client in ("agency", "bank", "city")]
    server.keeper.keep_up()
    assert server.clients() == ["agency", "bank", "city"]
    with connect(database) as connection:
        administration.revoke(connection, "shell:tests", numbers[0])
        administration.rotate(connection, "shell:tests", numbers[1], dt.timedelta())
        administration.rotate(connection, "shell:tests", numbers[2], dt.timedelta(hours=1))
    server.keeper.keep_up()
    assert server.clients() == ["city", "bank", "city"]
    server.keeper.close()


def test_copy_holds_while_the_database_is_away(database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = Server(tmp_path, database)
    added(database, "agency")
    server.keeper.keep_up()
    server.keeper.close()
    away = Server(tmp_path, AWAY)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            away.keeper.keep_up()
    assert away.clients() == ["agency"]
    assert away.behind_s == sorted(away.behind_s)
    assert away.behind_s[-1] > 0
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "API keys can't be updated from the database; those read last stay valid"
    ], "said once"


def test_broken_connection_is_made_anew(database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = Server(tmp_path, database)
    server.keeper.keep_up()
    fetch(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'api-keys'")
    added(database, "agency")
    server.keeper.keep_up()
    server.keeper.keep_up()
    assert server.clients() == ["agency"]
    assert "are updated from the database again" in caplog.text
    assert server.behind_s[-1] == 0
    server.keeper.close()


def test_newest_use_of_several_servers_is_kept(database: str, tmp_path: Path) -> None:
    number = added(database, "agency")
    times = [dt.datetime(2030, 1, 1, hour, tzinfo=dt.UTC) for hour in (2, 1)]
    for name, at in zip("ab", times, strict=True):
        server = Server(tmp_path / name, database)
        server.uses.note([number])
        os.utime(tmp_path / name / "uses" / str(number), (at.timestamp(), at.timestamp()))
        server.keeper.note()
        server.keeper.close()
    assert fetch(database, "SELECT last_used_at FROM api_keys") == [(times[0],)]


def test_thread_follows_and_notes_at_its_end(database: str, tmp_path: Path) -> None:
    number = added(database, "agency")
    server, stop = Server(tmp_path, database), threading.Event()
    thread = threading.Thread(target=server.keeper.run, args=(stop,))
    thread.start()
    wait_until(lambda: server.clients() == ["agency"], 30, "the copy has the key")
    server.uses.note([number])
    stop.set()
    thread.join(30)
    assert not thread.is_alive()
    ((used,),) = fetch(database, "SELECT last_used_at FROM api_keys")
    assert used is not None
