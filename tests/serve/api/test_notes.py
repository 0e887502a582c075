"""Faults and warnings that are asked for, over HTTP: answered, counted and on record."""

from __future__ import annotations

import gzip
import json
import math
import uuid
from typing import Any

import httpx
import pytest

from fraud.database import connect
from fraud.features import EXAMPLE_INSTANCE
from tests.live_stack import LOGIN, LiveStack, wait_until

GOOD = dict(EXAMPLE_INSTANCE)
BAD = {**GOOD, "ID_Days": -7}
MISSING = {**GOOD, "Credit_Bureau": None}


def on_record(stack: LiveStack, request_id: str) -> list[tuple[Any, ...]]:
    with connect(stack.owner_dsn) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT endpoint, application_ids, features, probabilities FROM prediction_requests WHERE request_id = %s",
            (request_id,),
        )
        return cursor.fetchall()


def counted(client: httpx.Client, feature: str) -> float:
    name = f'scoring_implausible_values_total{{feature="{feature}"}} '
    lines = client.get("/metrics", headers=LOGIN).text.splitlines()
    return next((float(line.removeprefix(name)) for line in lines if line.startswith(name)), 0.0)


@pytest.mark.parametrize("by", ["query", "header"])
def test_the_record_has_the_good_rows_and_says_which_were_left_out(
    stack: LiveStack, client: httpx.Client, by: str
) -> None:
    sent: list[dict[str, Any]] = [GOOD, BAD, MISSING, {**BAD, "x": 1}]
    rows = [{**row, "application_id": f"A-{number}"} for number, row in enumerate(sent)]
    request_id = uuid.uuid4().hex
    headers = {"X-Request-ID": request_id, **({"X-Errors": "report"} if by == "header" else {})}
    query = {"errors": "report"} if by == "query" else {}
    answer = client.post("/batch_predict", json={"instances": rows}, headers=headers, params=query)
    told = answer.json()
    assert answer.status_code == 200
    assert [value is None for value in told["probabilities"]] == [False, True, False, True]
    assert [(fault["instance"], fault["field"]) for fault in told["faults"]] == [(1, "ID_Days"), (3, "x")]

    wait_until(lambda: bool(on_record(stack, request_id)), 10, "the record arrives")
    ((endpoint, ids, features, probabilities),) = on_record(stack, request_id)
    assert endpoint == "/batch_predict?errors=report&rows=4&faulty=2&at=1,3"
    assert ids == ["A-0", "A-2"]
    assert len(features) == 2 * len(GOOD)
    place = len(GOOD) + list(GOOD).index("Credit_Bureau")
    assert [math.isnan(value) for value in features] == [at == place for at in range(len(features))]
    assert probabilities == pytest.approx([value for value in told["probabilities"] if value is not None], rel=1e-6)


def test_an_unknown_ask_is_refused(client: httpx.Client) -> None:
    answer = client.post("/batch_predict?errors=ignore", json={"instances": [GOOD]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed_header")


def test_nonsense_is_told_on_demand_and_counted_in_any_case(client: httpx.Client) -> None:
    before = counted(client, "Age_Days"), counted(client, "Credit_Amount")
    odd = {**GOOD, "Age_Days": 95, "Credit_Amount": 180_000_000}
    assert "warnings" not in client.post("/predict", json=odd).json()
    assert [one["field"] for one in client.post("/predict?warnings=true", json=odd).json()["warnings"]] == [
        "Credit_Amount",
        "Age_Days",
    ]
    told = client.post("/batch_predict?warnings=true", json=[GOOD] * 300 + [odd]).json()
    assert len(told["probabilities"]) == 301
    assert {one["instance"] for one in told["warnings"]} == {300}
    wait_until(
        lambda: (counted(client, "Age_Days"), counted(client, "Credit_Amount")) == (before[0] + 3, before[1] + 3),
        10,
        "all processes have counted",
    )


def test_an_idempotent_retry_that_asks_for_something_else_is_another_request(client: httpx.Client) -> None:
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    body = {"instances": [GOOD, BAD]}
    first = client.post("/batch_predict?errors=report", json=body, headers=headers)
    again = client.post("/batch_predict?errors=report", json=body, headers=headers)
    assert first.content == again.content
    assert again.headers["Idempotency-Replayed"] == "true"
    other = client.post("/batch_predict", json=body, headers=headers)
    assert other.status_code == 422


def test_long_answers_are_compressed_for_who_accepts_that(client: httpx.Client) -> None:
    body = gzip.compress(json.dumps([GOOD] * 30_000).encode(), 1)
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    plain = client.post("/batch_predict", content=body, headers={**headers, "Accept-Encoding": "identity"})
    small = client.post("/batch_predict", json=[GOOD], headers={"Accept-Encoding": "gzip"})
    squeezed = client.post("/batch_predict", content=body, headers={**headers, "Accept-Encoding": "gzip"})
    assert squeezed.headers["Content-Encoding"] == "gzip"
    assert squeezed.json() == plain.json()
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in small.headers
