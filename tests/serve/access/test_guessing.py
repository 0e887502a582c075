"""Who guesses is slowed down; who knows a key is not, not even from the same address."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from fraud.api_keys import ApiKey, Role, bearer, new_key
from fraud.features import EXAMPLE_INSTANCE
from serve.access.failed_logins import FREE_FAILURES, MAX_GUESSES, delay_s
from tests.live_stack import LiveStack, server_beside

KEY = new_key()
WRONG = "mls_this-is-no-key-and-belongs-into-no-log"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def url(stack: LiveStack, folder: Path) -> Iterator[str]:
    """A server to each test: failures are remembered."""
    entry = str(ApiKey.of(KEY, "agency", [Role.SCORE, Role.READ]))
    with server_beside(stack, folder, API_KEYS=entry, SERVE_WORKERS="1") as url:
        yield url


def predict(url: str, headers: Mapping[str, str]) -> httpx.Response:
    return httpx.post(url + "/predict", json=EXAMPLE_INSTANCE, headers=headers, timeout=30)


def test_wrong_keys_get_slower_answers_and_right_ones_do_not(url: str, folder: Path) -> None:
    failures = FREE_FAILURES + 3
    begun = time.monotonic()
    assert {predict(url, {"X-API-Key": WRONG}).status_code for _ in range(failures)} == {401}
    assert time.monotonic() - begun >= sum(delay_s(number) for number in range(1, failures + 1))
    with ThreadPoolExecutor(20) as pool:
        waiting = [pool.submit(predict, url, {"X-API-Key": WRONG}) for _ in range(20)]
        assert predict(url, bearer(KEY)).status_code == 200
        assert not all(answer.done() for answer in waiting)
        assert {answer.result().status_code for answer in waiting} == {401}
    log = (folder / "server.log").read_text()
    assert "failed login (bearer) from 127.0.0.1, failure 1 from there" in log
    assert WRONG not in log
    assert log.count("failed login") < failures + 20


def test_many_connections_do_not_guess_a_password_faster(stack: LiveStack, url: str) -> None:
    def guess(number: int) -> int:
        login = ("admin", f"guess {number}")
        return httpx.get(url + "/metrics", auth=login, timeout=30).status_code

    with ThreadPoolExecutor(2 * MAX_GUESSES) as pool:
        statuses = list(pool.map(guess, range(2 * MAX_GUESSES)))
    assert statuses.count(401) <= MAX_GUESSES + 2  # one is forgotten every ten seconds
    assert statuses.count(429) == len(statuses) - statuses.count(401)
    locked_out = httpx.get(url + "/metrics", auth=stack.admin)
    assert (locked_out.status_code, locked_out.json()["error"]["code"]) == (429, "too_many_failed_logins")
    assert int(locked_out.headers["Retry-After"]) >= 1
    assert httpx.get(url + "/metrics", headers=bearer(KEY)).status_code == 200
    assert httpx.get(url + "/metrics", auth=("any", KEY)).status_code == 200


def test_a_missing_login_is_no_failed_one(url: str) -> None:
    assert {httpx.get(url + "/metrics").status_code for _ in range(2 * MAX_GUESSES)} == {401}
    assert httpx.get(url + "/metrics", auth=("admin", "wrong")).status_code == 401
