"""A running server follows its keys: on connections that stay open too, and without a restart."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from fraud.api_keys import Role, bearer
from fraud.database import connect
from fraud.features import EXAMPLE_INSTANCE
from serve.keys import administration
from serve.keys.administration import NewKey
from tests.live_stack import LiveStack, server_beside, wait_until
from tests.serve.prediction_log_rows import execute, fetch
from tests.serve.wire import SINGLE, Wire, request

SOON_S = 10.0
"""Documents say seconds; a busy machine takes its time."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def url(stack: LiveStack, folder: Path) -> Iterator[str]:
    """Of a server that is started without any key."""
    with server_beside(stack, folder, API_KEYS="", SERVE_WORKERS="1", RATE_LIMIT_ROWS_PER_S="1000000") as url:
        yield url


def added(stack: LiveStack, client: str, *roles: Role) -> NewKey:
    with connect(stack.owner_dsn) as connection:
        return administration.add(connection, "shell:tests", client, roles or [Role.SCORE])


def status(url: str, key: str) -> int:
    return httpx.post(f"{url}/predict", json=EXAMPLE_INSTANCE, headers=bearer(key)).status_code


def wait_until_known(url: str, key: str) -> None:
    wait_until(lambda: status(url, key) == 200, SOON_S, "the server knows the key")


class Client:
    """One connection on which the same header comes again and again, as most clients send it."""

    def __init__(self, wire: Wire, key: str) -> None:
        self._wire = wire
        head = f"Authorization: Bearer {key}", "Host: here", f"Content-Length: {len(SINGLE)}"
        self._request = request("POST", "/predict", *head, body=SINGLE)

    def status(self) -> int:
        self._wire.send(self._request)
        return self._wire.answer().status


def test_revoked_key_ends_on_a_connection_that_knows_its_header(stack: LiveStack, url: str) -> None:
    made = added(stack, "agency")
    wait_until_known(url, made.key)
    with closing(Wire(url)) as wire:
        client = Client(wire, made.key)
        assert [client.status() for _ in range(5)] == [200] * 5
        with connect(stack.owner_dsn) as connection:
            administration.revoke(connection, "shell:tests", made.number)
        wait_until(lambda: client.status() == 401, SOON_S, "the revoked key is refused")
        assert [client.status() for _ in range(3)] == [401] * 3
    assert status(url, made.key) == 401


def test_both_keys_count_for_the_grace_time_and_no_longer(stack: LiveStack, url: str) -> None:
    old = added(stack, "bank")
    wait_until_known(url, old.key)
    with closing(Wire(url)) as wire:
        client = Client(wire, old.key)
        assert client.status() == 200
        with connect(stack.owner_dsn) as connection:
            new = administration.rotate(connection, "shell:tests", old.number, dt.timedelta(hours=1))
        wait_until_known(url, new.key)
        assert client.status() == 200
        execute(
            stack.owner_dsn,
            "UPDATE api_keys SET expires_at = now() + interval '2 seconds' WHERE number = %s",
            old.number,
        )
        wait_until(lambda: client.status() == 401, SOON_S, "the grace time has ended")
    assert status(url, new.key) == 200


def test_key_opens_what_its_roles_say(stack: LiveStack, url: str) -> None:
    made = added(stack, "auditor", Role.READ)
    metrics = f"{url}/metrics"
    wait_until(lambda: httpx.get(metrics, headers=bearer(made.key)).status_code == 200, SOON_S, "the key reads")
    assert status(url, made.key) == 403


def test_start_without_any_key_says_how_to_make_one_and_uses_are_told_at_the_end(
    stack: LiveStack, tmp_path: Path
) -> None:
    before = fetch(stack.owner_dsn, "UPDATE api_keys SET revoked_at = now(), revoked_by = 'x' RETURNING number")
    assert before is not None
    with server_beside(stack, tmp_path, API_KEYS="", SERVE_WORKERS="1") as url:
        assert "there are no API keys, so nobody can score yet" in (tmp_path / "server.log").read_text()
        made = added(stack, "city")
        wait_until_known(url, made.key)
    query = "SELECT last_used_at IS NOT NULL FROM api_keys WHERE number = %s"
    assert fetch(stack.owner_dsn, query, made.number) == [(True,)]
