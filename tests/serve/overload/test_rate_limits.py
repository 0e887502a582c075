"""A client gets what it may and no more, whichever process it asks; others do not notice."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from fraud.api_keys import ApiKey, Role, bearer, new_key
from fraud.features import EXAMPLE_INSTANCE
from serve.errors import RateLimited
from serve.overload.rate_limits import RateLimits
from tests.live_stack import LiveStack, server_beside, wait_until
from tests.serve.prediction_log_rows import fetch


def taken(limits: RateLimits, client: str, tries: int) -> int:
    count = 0
    for _ in range(tries):
        try:
            limits.take_request(client)
        except RateLimited:
            continue
        count += 1
    return count


def test_a_second_of_requests_passes_at_once_then_no_more(tmp_path: Path) -> None:
    limits = RateLimits(tmp_path / "counts", requests_per_s=100.0)
    began = time.monotonic()
    count = taken(limits, "a", 1000)
    earned = 100 * (time.monotonic() - began)
    assert 100 <= count <= 101 + earned
    limits.take_request("b")


def test_two_processes_share_a_bucket(tmp_path: Path) -> None:
    """Each has the file open for itself, as processes have."""
    first, second = (RateLimits(tmp_path / "counts", requests_per_s=0.01) for _ in range(2))
    first.take_request("a")
    with pytest.raises(RateLimited) as caught:
        second.take_request("a")
    assert 90 <= int(caught.value.headers["Retry-After"]) <= 99


def test_processes_that_meet_clients_in_another_order_count_the_same(tmp_path: Path) -> None:
    first, second = (RateLimits(tmp_path / "counts", requests_per_s=0.01) for _ in range(2))
    clients = [f"client-{number}" for number in range(1_000)]
    for client in clients[::2]:
        first.take_request(client)
    for client in clients[1::2][::-1]:
        second.take_request(client)
    for limits in (first, second):
        assert [taken(limits, client, 1) for client in clients] == [0] * len(clients)


def test_client_beyond_all_places_is_limited_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serve.overload.rate_limits._CLIENTS", 2)
    limits = RateLimits(tmp_path / "counts", requests_per_s=0.01)
    assert sum(taken(limits, client, 1) for client in "abc") == 2


def test_threads_and_files_lose_no_count(tmp_path: Path) -> None:
    files = [RateLimits(tmp_path / "counts", requests_per_s=100.0) for _ in range(4)]
    began = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        count = sum(pool.map(lambda number: taken(files[number % 4], "a", 50), range(16)))
    assert 100 <= count <= 101 + 100 * (time.monotonic() - began)


def test_a_batch_larger_than_the_bucket_passes_and_is_paid_for_afterwards(tmp_path: Path) -> None:
    limits = RateLimits(tmp_path / "counts", rows_per_s=100.0)
    limits.take_request("a")
    limits.take_rows("a", 1_000)
    takes: tuple[Callable[[], None], ...] = (lambda: limits.take_rows("a", 1), lambda: limits.take_request("a"))
    for refused in takes:
        with pytest.raises(RateLimited) as caught:
            refused()
        assert 8 <= int(caught.value.headers["Retry-After"]) <= 9


@pytest.mark.parametrize("path", ["/predict", "/predict?by=query"])
def test_requests_over_the_limit_are_neither_scored_nor_recorded(stack: LiveStack, tmp_path: Path, path: str) -> None:
    keys = {client: new_key() for client in ("eager", "calm")}
    entries = ",".join(str(ApiKey.of(key, client, [Role.SCORE])) for client, key in keys.items())
    name = uuid.uuid4().hex
    settings = {"API_KEYS": entries, "RATE_LIMIT_REQUESTS_PER_S": "5", "SERVE_WORKERS": "2"}
    with server_beside(stack, tmp_path, **settings) as url:

        def send(number: int) -> httpx.Response:
            headers = {"X-Request-ID": f"{name}-{number}", **bearer(keys["eager"])}
            return httpx.post(url + path, json=EXAMPLE_INSTANCE, headers=headers)

        began = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(send, range(60)))
        earned = 5 * (time.monotonic() - began)
        calm = httpx.post(url + path, json=EXAMPLE_INSTANCE, headers=bearer(keys["calm"]))
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) == {200, 429}
    assert 5 <= statuses[200] <= 6 + earned
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["error"]["code"] == "rate_limited"
    assert int(refused.headers["Retry-After"]) >= 1
    assert calm.status_code == 200
    scored = {answer.headers["X-Request-ID"] for answer in answers if answer.status_code == 200}
    query = "SELECT request_id FROM prediction_requests WHERE request_id LIKE %s"
    wait_until(lambda: len(fetch(stack.owner_dsn, query, f"{name}%")) >= len(scored), 30, "the records are shipped")
    assert {request_id for (request_id,) in fetch(stack.owner_dsn, query, f"{name}%")} == scored
