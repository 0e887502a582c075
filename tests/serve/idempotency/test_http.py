"""`Idempotency-Key` as a client sees it, on every scoring route."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from fraud.features import EXAMPLE_INSTANCE, FEATURE_NAMES
from tests.live_stack import LiveStack, wait_until
from tests.serve.prediction_log_rows import fetch

TENSOR = {
    "name": "features",
    "shape": [1, len(FEATURE_NAMES)],
    "datatype": "FP32",
    "data": [EXAMPLE_INSTANCE[name] for name in FEATURE_NAMES],
}
ROUTES = {
    "/predict": EXAMPLE_INSTANCE,
    "/batch_predict": {"instances": [EXAMPLE_INSTANCE] * 3},
    "/invocations": {"dataframe_records": [EXAMPLE_INSTANCE]},
    "/v2/models/divorce-model/infer": {"inputs": [TENSOR]},
}


@pytest.fixture
def key() -> str:
    return uuid.uuid4().hex


def records(stack: LiveStack, request_ids: set[str]) -> list[Any]:
    statement = "SELECT request_id FROM prediction_requests WHERE request_id = ANY(%s)"
    wait_until(lambda: bool(fetch(stack.owner_dsn, statement, list(request_ids))), 30, "the record is shipped")
    return fetch(stack.owner_dsn, statement, list(request_ids))


@pytest.mark.parametrize("path", ROUTES)
def test_the_same_request_gets_the_same_answer_and_one_record(
    stack: LiveStack, client: httpx.Client, key: str, path: str
) -> None:
    headers = {"Idempotency-Key": key}
    first = client.post(path, json=ROUTES[path], headers=headers)
    again = [client.post(path, json=ROUTES[path], headers={"Idempotency-Key": f'"{key}"'}) for _ in range(10)]
    assert first.status_code == 200
    assert "Idempotency-Replayed" not in first.headers
    for answer in again:
        assert (answer.status_code, answer.content) == (200, first.content)
        assert answer.headers["Idempotency-Replayed"] == "true"
        assert answer.headers.get_list("X-Request-ID") == [first.headers["X-Request-ID"]]
        assert answer.headers["X-Model-Version"] == first.headers["X-Model-Version"]
    ids = {answer.headers["X-Request-ID"] for answer in (first, *again)}
    assert len(records(stack, ids)) == 1


def test_of_many_at_once_one_is_scored(stack: LiveStack, client: httpx.Client, key: str) -> None:
    def send(number: int) -> httpx.Response:
        headers = {"Idempotency-Key": key, "X-Request-ID": f"{key}-{number}"}
        return client.post("/predict", json=EXAMPLE_INSTANCE, headers=headers)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(send, range(64)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.content for answer in answers if answer.status_code == 200}) == 1
    assert len(records(stack, {f"{key}-{number}" for number in range(64)})) == 1


def test_a_key_names_one_request_only(client: httpx.Client, key: str) -> None:
    headers = {"Idempotency-Key": key}
    assert client.post("/predict", json=EXAMPLE_INSTANCE, headers=headers).status_code == 200
    other = client.post("/predict", json={**EXAMPLE_INSTANCE, "Age_Days": 9501}, headers=headers)
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")
    elsewhere = client.post("/batch_predict", json=ROUTES["/batch_predict"], headers=headers)
    assert elsewhere.status_code == 200


def test_a_refused_request_does_not_use_up_its_key(client: httpx.Client, key: str) -> None:
    headers = {"Idempotency-Key": key}
    assert client.post("/predict", json={"Age_Days": "old"}, headers=headers).status_code == 422
    assert client.post("/predict", json=EXAMPLE_INSTANCE, headers=headers).status_code == 200


@pytest.mark.parametrize("key", ["", "with space", "x" * 129, "caf\u00e9"])
def test_a_malformed_key_is_refused(client: httpx.Client, key: str) -> None:
    headers = {"Idempotency-Key": key.encode()}
    answer = client.post("/predict", json=EXAMPLE_INSTANCE, headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["error"]["message"]
