"""One client never gets another's answer, nor its name on record."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import closing

import httpx
import pytest

from fraud.features import EXAMPLE_INSTANCE
from tests.live_stack import LiveStack, wait_until
from tests.serve.prediction_log_rows import fetch
from tests.serve.wire import SINGLE, Wire

Logins = Mapping[str, Mapping[str, str]]


def callers(stack: LiveStack, prefix: str, count: int) -> dict[str, str]:
    query = "SELECT request_id, caller FROM prediction_requests WHERE request_id LIKE %s"
    wait_until(lambda: len(fetch(stack.owner_dsn, query, f"{prefix}%")) == count, 30, "the records are shipped")
    return dict(fetch(stack.owner_dsn, query, f"{prefix}%"))


@pytest.mark.parametrize("path", ["/predict", "/predict?by=query"])
def test_the_record_names_the_client(stack: LiveStack, url: str, logins: Logins, path: str) -> None:
    name = uuid.uuid4().hex
    for client in ("agency", "bank"):
        headers = {"X-Request-ID": f"{name}-{client}", **logins[client]}
        assert httpx.post(url + path, json=EXAMPLE_INSTANCE, headers=headers).status_code == 200
    assert callers(stack, name, 2) == {f"{name}-agency": "agency", f"{name}-bank": "bank"}


@pytest.mark.parametrize("path", ["/predict", "/predict?by=query"])
def test_an_idempotency_key_is_its_clients_own(stack: LiveStack, url: str, logins: Logins, path: str) -> None:
    name = uuid.uuid4().hex

    def send(client: str) -> httpx.Response:
        headers = {"X-Request-ID": f"{name}-{client}", "Idempotency-Key": name, **logins[client]}
        return httpx.post(url + path, json=EXAMPLE_INSTANCE, headers=headers)

    first, other, again = send("agency"), send("bank"), send("agency")
    assert {first.status_code, other.status_code, again.status_code} == {200}
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in other.headers
    assert other.headers["X-Request-ID"] == f"{name}-bank"
    assert set(callers(stack, name, 2).values()) == {"agency", "bank"}


def test_a_shared_connection_mixes_nobody_up(stack: LiveStack, url: str, keys: Mapping[str, str]) -> None:
    """As a proxy shares one: what is remembered of one request is worth nothing to the next one's sender."""
    name = uuid.uuid4().hex
    senders = ["agency", "bank", "nobody", "agency", "wrong", "agency", "auditor", "bank"]
    expected = [200, 200, 401, 200, 401, 200, 403, 200]

    def request(number: int, sender: str) -> bytes:
        key = {"nobody": b"", "wrong": b"X-API-Key: wrong\r\n"}.get(sender) if sender not in keys else None
        line = f"Authorization: Bearer {keys[sender]}\r\n".encode() if key is None else key
        head = f"POST /predict HTTP/1.1\r\nHost: x\r\nX-Request-ID: {name}-{number}-{sender}\r\n"
        return head.encode() + line + b"Content-Length: %d\r\n\r\n" % len(SINGLE) + SINGLE

    with closing(Wire(url)) as wire:
        wire.send(b"".join(request(number, sender) for number, sender in enumerate(senders)))
        assert [wire.answer().status for _ in senders] == expected
    recorded = callers(stack, name, expected.count(200))
    assert all(request_id.endswith(f"-{caller}") for request_id, caller in recorded.items())
