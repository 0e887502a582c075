"""A server with a shadow answers as one without, whatever becomes of the shadow."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from fraud.features import FEATURE_NAMES
from fraud.registry import PRODUCTION, Registry
from tests.convert.small_models import applications
from tests.live_stack import LOGIN, LiveStack, server_beside, wait_until
from tests.serve.prediction_log_rows import fetch

ALIAS = "on-trial"
MODEL = "divorce-model"
ROWS = [
    dict(zip(FEATURE_NAMES, row, strict=True)) for row in np.nan_to_num(applications(300)).astype(np.float64).tolist()
]
BODIES = [("/predict", row) for row in ROWS[:5]] + [("/batch_predict", {"instances": ROWS[:n]}) for n in (1, 70, 300)]
SHADOWS = """
    SELECT request_id, row_number, divorce_probability, shadow_probability, shadow_version FROM shadow_logs
    WHERE request_id LIKE %s
"""


@pytest.fixture
def shadowed(stack: LiveStack, tmp_path: Path) -> Iterator[httpx.Client]:
    settings = {"SHADOW_ALIAS": ALIAS, "SHADOW_SHARE": "1", "SERVE_WORKERS": "1"}
    with (
        # With the engines of the stack, whose answers are compared: others differ in the last bit.
        server_beside(stack, tmp_path, ENGINE="auto", **settings) as url,
        httpx.Client(base_url=url, headers=LOGIN, timeout=30, trust_env=False) as client,
    ):
        yield client


def answers(client: httpx.Client, name: str) -> list[bytes]:
    given = []
    for number, (path, body) in enumerate(BODIES):
        answer = client.post(path, json=body, headers={"X-Request-ID": f"{name}-{number}"})
        assert answer.status_code == 200
        given.append(answer.content)
    return given


def told(client: httpx.Client) -> dict[str, str | None]:
    """Of the shadow, which follows what happens with some delay."""
    shadow: dict[str, str | None] = client.get("/model-info").json()["shadow"]
    return shadow


def counted(client: httpx.Client, outcome: str) -> int:
    name = f'scoring_shadow_requests_total{{outcome="{outcome}"}} '
    return sum(
        int(float(line[len(name) :])) for line in client.get("/metrics").text.splitlines() if line.startswith(name)
    )


def test_answers_are_the_same_with_and_without_a_shadow(
    stack: LiveStack, client: httpx.Client, shadowed: httpx.Client
) -> None:
    name = uuid.uuid4().hex
    expected = answers(client, f"{name}-without")
    info = client.get("/model-info").json()
    assert info["shadow"] is None

    assert answers(shadowed, f"{name}-none") == expected
    wait_until(lambda: counted(shadowed, "no_model") >= len(BODIES), 60, "nothing shadows, and that is counted")
    wait_until(lambda: "no version under the alias" in (told(shadowed)["fault"] or ""), 60, "and why it is")
    assert (told(shadowed)["alias"], told(shadowed)["model_version"]) == (ALIAS, None)

    registry = Registry(stack.tracking_uri, MODEL)
    production = registry.version_of(PRODUCTION)
    assert production is not None
    registry.set_alias(ALIAS, production.version)
    try:
        assert shadowed.post("/update-model", auth=stack.admin).status_code == 200
        wait_until(lambda: told(shadowed)["fault"] is None, 120, "the version shadows")
        assert told(shadowed)["model_version"] == str(production.version)
        assert answers(shadowed, f"{name}-with") == expected
        wait_until(lambda: counted(shadowed, "written") >= len(BODIES), 60, "all have a shadow")
    finally:
        registry.delete_alias(ALIAS)
    rows = fetch(stack.owner_dsn, SHADOWS, f"{name}-%")
    assert len(rows) == 5 + 1 + 70 + 300
    assert {request_id.rpartition("-")[0] for request_id, *_ in rows} == {f"{name}-with"}
    assert all(answered == shadow for _, _, answered, shadow, _ in rows), "the same version says the same"
    assert {version for *_, version in rows} == {production.version}
