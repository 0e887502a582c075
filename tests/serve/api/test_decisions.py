"""Decisions over HTTP: refused without a policy, then made, recorded and computed again by an auditor."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import uuid
from typing import Any

import httpx
import numpy as np

from fraud.control_sample import drawn, fingerprint
from fraud.database import connect
from fraud.features import EXAMPLE_INSTANCE
from tests.live_stack import LiveStack, wait_until
from tests.serve.review_policies import add_policy

GOOD = dict(EXAMPLE_INSTANCE)
BAD = {**GOOD, "ID_Days": -7}
ROWS = 300


def recorded(stack: LiveStack, request_id: str) -> list[str]:
    with connect(stack.owner_dsn) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT endpoint FROM prediction_requests WHERE request_id = %s", (request_id,))
        return [endpoint for (endpoint,) in cursor.fetchall()]


def shown(client: httpx.Client, stack: LiveStack) -> dict[str, Any]:
    """What the administrator sees of model and policy."""
    info: dict[str, Any] = client.get("/model-info", auth=stack.admin).json()
    return info


def audited(stack: LiveStack, *arguments: str) -> tuple[int, list[dict[str, object]]]:
    command = [sys.executable, "-m", "serve.audit", "decisions", *arguments]
    ended = subprocess.run(command, env=stack.environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode in {0, 10}, ended.stderr
    return ended.returncode, json.loads(ended.stdout)["decisions"]


def test_decisions_follow_the_signed_policy_and_its_control_draw(stack: LiveStack, client: httpx.Client) -> None:
    refused = client.post("/predict?decision=true", json=GOOD)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "no_review_policy")
    assert "bench plan adopt" in refused.json()["error"]["message"]
    assert client.post("/predict", json=GOOD).status_code == 200
    assert "bench plan adopt" in shown(client, stack)["no_review_policy"]

    key = (stack.secrets["REVIEW_CONTROL_KEY"] or "").encode()
    # Everybody is below this threshold: all that is reviewed is the control sample.
    control_key = fingerprint(key)
    now = dt.datetime.now(dt.UTC)
    policy = add_policy(stack.owner_dsn, at=now, threshold=1.0, control_share=0.3, control_key=control_key)
    assert policy is not None
    assert client.post("/update-model", auth=stack.admin).status_code == 200
    info = shown(client, stack)
    assert (info["review_policy"]["id"], info["review_policy"]["threshold"]) == (policy.id, 1.0)
    assert dt.datetime.fromisoformat(info["review_policy"]["in_force_from"]) == policy.in_force_from
    assert info["no_review_policy"] is None

    ids = [f"D-{uuid.uuid4().hex}" for _ in range(ROWS)]
    rows = [{**GOOD, "application_id": name} for name in ids]
    request_id = uuid.uuid4().hex
    answer = client.post(
        "/batch_predict",
        json={"instances": [BAD, *rows]},
        params={"decision": "true", "errors": "report"},
        headers={"X-Request-ID": request_id},
    )
    told = answer.json()
    expected = drawn(key, 0.3, request_id, ids, np.arange(ROWS))
    assert told["decisions"] == [None, *("review" if one else "pass" for one in expected)]
    assert told["policy"] == policy.id
    again = client.post("/batch_predict", json={"instances": rows[::-1]}, headers={"X-Decision": "true"}).json()
    assert again["decisions"] == told["decisions"][:0:-1], "an application is drawn alike whenever it comes"

    wait_until(lambda: bool(recorded(stack, request_id)), 10, "the record arrives")
    expected_call = f"/batch_predict?errors=report&rows={ROWS + 1}&faulty=1&at=0&policy={policy.id}"
    assert recorded(stack, request_id) == [expected_call]
    status, counts = audited(stack)
    assert (status, counts[0]["policy"]) == (0, policy.id)
    status, (found, *_) = audited(stack, "--application", ids[0])
    assert (status, found["reviewed"], found["control"]) == (0, bool(expected[0]), bool(expected[0]))
    assert audited(stack, "--application", "nobody") == (10, [])


def test_everybody_from_the_threshold_on_is_reviewed_in_all_workers(stack: LiveStack, client: httpx.Client) -> None:
    key = (stack.secrets["REVIEW_CONTROL_KEY"] or "").encode()
    probability = client.post("/predict", json=GOOD).json()["probability"]
    policy = add_policy(
        stack.owner_dsn,
        at=dt.datetime.now(dt.UTC),
        threshold=float(np.float32(probability)),
        control_share=0.0,
        control_key=fingerprint(key),
    )
    assert policy is not None
    client.post("/update-model", auth=stack.admin)
    for _ in range(20):
        with httpx.Client(base_url=stack.url, headers=client.headers, trust_env=False) as other:
            told = other.post("/predict?decision=true", json=GOOD).json()
        assert told == {"probability": probability, "decision": "review", "policy": policy.id}


def test_policy_that_was_signed_is_used_by_itself(stack: LiveStack, client: httpx.Client) -> None:
    key = (stack.secrets["REVIEW_CONTROL_KEY"] or "").encode()
    now = dt.datetime.now(dt.UTC)
    policy = add_policy(stack.owner_dsn, at=now, control_share=0.0, control_key=fingerprint(key))
    assert policy is not None

    def is_used() -> bool:
        return bool(client.post("/predict?decision=true", json=GOOD).json().get("policy") == policy.id)

    wait_until(is_used, 60, "the server has read the policy")
