"""The HTTP contract, against the real server of a real stack."""

from __future__ import annotations

import json
import uuid
from typing import Any

import httpx
import pytest

from fraud.database import connect
from fraud.features import EXAMPLE_INSTANCE
from tests.live_stack import LiveStack, wait_until


def logged(stack: LiveStack, request_id: str) -> list[tuple[Any, ...]]:
    with connect(stack.owner_dsn) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT row_number, divorce_probability, application_id, load_test, endpoint, model_version"
            " FROM prediction_logs WHERE request_id = %s ORDER BY row_number",
            (request_id,),
        )
        return cursor.fetchall()


def test_predict_answers_one_probability(client: httpx.Client) -> None:
    answer = client.post("/predict", json=EXAMPLE_INSTANCE)
    assert answer.status_code == 200
    assert list(answer.json()) == ["probability"]
    assert 0 < answer.json()["probability"] < 1


def test_a_batch_answers_in_order_what_single_calls_answer(client: httpx.Client) -> None:
    rows = [{**EXAMPLE_INSTANCE, "Age_Days": 7000 + 500 * number} for number in range(20)]
    singles = [client.post("/predict", json=row).json()["probability"] for row in rows]
    batch = client.post("/batch_predict", json={"instances": rows}).json()["probabilities"]
    # Another kernel may be in charge of single rows; log-odds are equal, and exp may round differently.
    assert batch == pytest.approx(singles, rel=1e-6)
    assert len(set(batch)) > 1


def test_every_answer_names_request_and_model(client: httpx.Client) -> None:
    version = client.get("/model-info").json()["model_version"]
    for answer in (client.post("/predict", json=EXAMPLE_INSTANCE), client.get("/health/live"), client.get("/nowhere")):
        assert answer.headers["X-Model-Version"] == version
        assert answer.headers["X-Request-ID"]
    named = client.post("/predict", json=EXAMPLE_INSTANCE, headers={"X-Request-ID": "mine-1"})
    assert named.headers["X-Request-ID"] == "mine-1"


def test_a_scored_batch_is_on_record_row_by_row(stack: LiveStack, client: httpx.Client) -> None:
    request_id = uuid.uuid4().hex
    rows = [{**EXAMPLE_INSTANCE, "application_id": f"A-{number}"} for number in range(3)]
    answer = client.post(
        "/batch_predict", json={"instances": rows}, headers={"X-Request-ID": request_id, "X-Load-Test": "true"}
    )
    wait_until(lambda: len(logged(stack, request_id)) == 3, 10, "the record arrives")
    version = int(answer.headers["X-Model-Version"])
    probabilities = answer.json()["probabilities"]
    assert logged(stack, request_id) == [
        (number, pytest.approx(probabilities[number], rel=1e-6), f"A-{number}", True, "/batch_predict", version)
        for number in range(3)
    ]


@pytest.mark.parametrize(
    ("content", "status", "code", "instance", "field"),
    [
        pytest.param(b"{", 400, "malformed_body", None, None, id="broken JSON"),
        pytest.param(b"", 400, "malformed_body", None, None, id="no body"),
        pytest.param(b'{"instances": []}', 422, "invalid_instance", None, None, id="an empty batch"),
        pytest.param(
            json.dumps({"instances": [EXAMPLE_INSTANCE, {**EXAMPLE_INSTANCE, "Age_Days": "old"}]}).encode(),
            *(422, "invalid_instance", 1, "Age_Days"),
            id="a string",
        ),
        pytest.param(
            json.dumps({"instances": [{**EXAMPLE_INSTANCE, "Credit_Bureau": -1}]}).encode(),
            *(422, "invalid_instance", 0, "Credit_Bureau"),
            id="a negative count",
        ),
    ],
)
def test_a_bad_batch_is_refused_by_name_and_leaves_no_record(
    stack: LiveStack, client: httpx.Client, content: bytes, status: int, code: str, instance: int | None, field: str
) -> None:
    request_id, marker = uuid.uuid4().hex, uuid.uuid4().hex
    headers = {"X-Request-ID": request_id, "Content-Type": "application/json"}
    answer = client.post("/batch_predict", content=content, headers=headers)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert (error.get("instance"), error.get("field")) == (instance, field)
    assert answer.json()["request_id"] == request_id
    # Records are written in order: when the marker is there, a record of the refused request would be too.
    client.post("/predict", json=EXAMPLE_INSTANCE, headers={"X-Request-ID": marker})
    wait_until(lambda: bool(logged(stack, marker)), 10, "the marker's record arrives")
    assert logged(stack, request_id) == []


def test_more_rows_than_the_limit_are_refused(client: httpx.Client) -> None:
    row = json.dumps(EXAMPLE_INSTANCE).encode()
    body = b'{"instances":[' + b",".join([row] * 100_001) + b"]}"
    answer = client.post("/batch_predict", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


@pytest.mark.parametrize("announced", [True, False], ids=["with a length", "chunked"])
def test_more_bytes_than_the_limit_are_refused(client: httpx.Client, announced: bool) -> None:
    piece = b" " * (1024 * 1024)
    content = b"".join([piece] * 65) if announced else (piece for _ in range(65))
    answer = client.post("/batch_predict", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        pytest.param("GET", "/nowhere", {}, 404, "not_found", id="no such path"),
        pytest.param("GET", "/predict", {}, 405, "method_not_allowed", id="a method that the path does not know"),
        pytest.param("POST", "/predict", {"Content-Type": "text/csv"}, 415, "unsupported_media_type", id="CSV"),
        pytest.param("POST", "/predict", {"X-Request-ID": "a b"}, 400, "malformed_header", id="a bad request id"),
        pytest.param("POST", "/update-model", {}, 403, "forbidden", id="a login without the role"),
        pytest.param("POST", "/prepare-model/1", {}, 403, "forbidden", id="a login without the role, to prepare"),
        pytest.param(
            *("POST", "/update-model", {"Authorization": "Basic YWRtaW46d3Jvbmc="}, 401, "unauthorized"),
            id="a wrong password",
        ),
        pytest.param(
            "POST", "/update-model", {"Authorization": "Basic %%%"}, 401, "unauthorized", id="a login that is no base64"
        ),
    ],
)
def test_errors_are_json_with_a_code(
    client: httpx.Client, method: str, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    answer = client.request(method, path, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_an_update_without_a_new_version_keeps_the_model(stack: LiveStack, client: httpx.Client) -> None:
    version = client.get("/model-info").json()["model_version"]
    answer = client.post("/update-model", auth=stack.admin)
    assert answer.json() == {"message": f"version {version} was already serving", "model_version": version}


def test_probes_and_metrics(client: httpx.Client) -> None:
    assert client.get("/health/live").json() == {"live": True}
    assert client.get("/health/ready").json() == {"ready": True}
    client.post("/predict", json=EXAMPLE_INSTANCE)
    assert 'scoring_requests_total{endpoint="/predict",status="200"}' in client.get("/metrics").text


def test_the_openapi_page_describes_every_route(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/predict", "/batch_predict", "/update-model", "/model-info", "/health/live", "/health/ready"} <= set(paths)
