"""Every address takes its role and no other; without a login only probes and the description are open."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing

import httpx
import pytest

from fraud.features import EXAMPLE_INSTANCE, FEATURE_NAMES
from serve.api.openapi.docs_page import FILE_PATHS
from tests.live_stack import LiveStack
from tests.serve.wire import Wire

TENSOR = {
    "name": "features",
    "shape": [1, len(FEATURE_NAMES)],
    "datatype": "FP32",
    "data": [EXAMPLE_INSTANCE[name] for name in FEATURE_NAMES],
}
SCORING = {
    "/predict": EXAMPLE_INSTANCE,
    "/predict?by=query": EXAMPLE_INSTANCE,
    "/%70redict": EXAMPLE_INSTANCE,
    "/batch_predict": {"instances": [EXAMPLE_INSTANCE]},
    "/invocations": {"dataframe_records": [EXAMPLE_INSTANCE]},
    "/v2/models/divorce-model/infer": {"inputs": [TENSOR]},
    "/v2/models/divorce-model/versions/1/infer": {"inputs": [TENSOR]},
}
READING = ["/metrics", "/v2/models/stats", "/v2/models/divorce-model/stats", "/mlflow/", "/mlflow/health"]
FOR_ANY_LOGIN = ["/model-info", "/v2", "/v2/models/divorce-model", "/v2/models/divorce-model/config", "/version"]
OPEN = [
    *("/health/live", "/health/ready", "/health", "/ping", "/v2/health/live", "/v2/health/ready"),
    *("/v2/models/divorce-model/ready", "/docs", *FILE_PATHS, "/openapi.json"),
]
Logins = Mapping[str, Mapping[str, str]]


def message_of(answer: httpx.Response) -> str:
    body = answer.json()
    error = body.get("error", body)
    return str(error if isinstance(error, str) else error["message"])


@pytest.mark.parametrize("path", SCORING)
def test_scoring_takes_a_key_with_the_role(url: str, logins: Logins, path: str) -> None:
    def status(headers: Mapping[str, str]) -> int:
        return httpx.post(url + path, json=SCORING[path], headers=headers).status_code

    assert {client: status(login) for client, login in logins.items()} == {
        "agency": 200,
        "bank": 200,
        "auditor": 403,
        "pipeline": 403,
    }
    nobody = httpx.post(url + path, json=SCORING[path])
    assert nobody.status_code == 401
    assert nobody.headers["WWW-Authenticate"] == 'Bearer realm="marriage-loan scoring"'
    assert "X-API-Key: KEY" in message_of(nobody)
    assert nobody.headers["X-Request-ID"]


@pytest.mark.parametrize("path", SCORING)
def test_a_refusal_of_a_wrong_key_says_what_to_send(url: str, path: str) -> None:
    wrong = httpx.post(url + path, json=SCORING[path], headers={"X-API-Key": "wrong"})
    assert wrong.status_code == 401
    assert wrong.headers["WWW-Authenticate"].endswith('error="invalid_token"')
    assert "the API key is not valid" in message_of(wrong)


def test_a_refusal_names_the_missing_role(url: str, logins: Logins) -> None:
    answer = httpx.post(url + "/predict", json=EXAMPLE_INSTANCE, headers=logins["auditor"])
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
    assert "auditor lacks the role `score`" in message_of(answer)
    assert answer.headers["WWW-Authenticate"].endswith('error="insufficient_scope", scope="score"')


def test_the_administrator_reads_and_operates_but_does_not_score(stack: LiveStack, url: str) -> None:
    assert httpx.get(url + "/metrics", auth=stack.admin).status_code == 200
    assert httpx.post(url + "/update-model", auth=stack.admin, timeout=60).status_code == 200
    assert httpx.post(url + "/predict", json=EXAMPLE_INSTANCE, auth=stack.admin).status_code == 403


@pytest.mark.parametrize("path", READING)
def test_reading_takes_its_role(url: str, logins: Logins, path: str) -> None:
    statuses = {client: httpx.get(url + path, headers=login).status_code for client, login in logins.items()}
    assert statuses.pop("auditor") not in {401, 403}
    assert set(statuses.values()) == {403}
    nobody = httpx.get(url + path)
    assert nobody.status_code == 401
    assert nobody.headers["WWW-Authenticate"].startswith('Basic realm="marriage-loan scoring", charset="UTF-8", Bearer')


def test_operating_takes_its_role(url: str, logins: Logins) -> None:
    statuses = {
        client: httpx.post(url + "/update-model", headers=login).status_code for client, login in logins.items()
    }
    assert statuses == {"agency": 403, "bank": 403, "auditor": 403, "pipeline": 200}
    assert httpx.post(url + "/update-model").status_code == 401


@pytest.mark.parametrize("path", FOR_ANY_LOGIN)
def test_the_model_is_shown_to_whoever_has_a_login(url: str, logins: Logins, path: str) -> None:
    assert {httpx.get(url + path, headers=login).status_code for login in logins.values()} == {200}
    assert httpx.get(url + path).status_code == 401


def test_the_repository_is_shown_to_whoever_has_a_login(url: str, logins: Logins) -> None:
    path = url + "/v2/repository/index"
    assert {httpx.post(path, headers=login).status_code for login in logins.values()} == {200}
    assert httpx.post(path).status_code == 401


@pytest.mark.parametrize("path", OPEN)
def test_probes_and_the_description_are_open(url: str, path: str) -> None:
    assert httpx.get(url + path).status_code == 200
    assert httpx.get(url + path, headers={"X-API-Key": "wrong"}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/nowhere", "/redoc", "/docs/oauth2-redirect", "/v2/nowhere", "/PREDICT", "/predict/"]
)
def test_unlisted_paths_are_denied_by_default(url: str, path: str) -> None:
    """So a new route is closed until somebody decides."""
    assert httpx.get(url + path).status_code == 401


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("*", 401),
        pytest.param("http://elsewhere.example", 401, id="no path"),
        ("http://elsewhere.example/metrics", 401),
        ("/v2/../metrics", 401),
    ],
)
def test_unusual_targets_are_closed_too(url: str, target: str, status: int) -> None:
    with closing(Wire(url)) as wire:
        wire.send(f"OPTIONS {target} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        assert wire.answer().status == status
