"""What browsers are told, with every kind of answer; and that no other site's page gets or does anything."""

from __future__ import annotations

import httpx
import pytest

from fraud.features import EXAMPLE_INSTANCE
from serve.api.openapi.docs_page import FILE_PATHS
from tests.live_stack import LOGIN, LiveStack

ELSEWHERE = {"Origin": "https://elsewhere.example"}
ANSWERS = [
    ("POST", "/predict", 200),
    ("POST", "/predict?by=query", 200),
    ("POST", "/batch_predict", 422),
    ("POST", "/invocations", 400),
    ("GET", "/docs", 200),
    *(("GET", path, 200) for path in FILE_PATHS),
    ("GET", "/openapi.json", 200),
    ("GET", "/health/live", 200),
    ("GET", "/metrics", 200),
    ("GET", "/nowhere", 404),
    ("GET", "/mlflow/", 200),
]


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
def test_every_answer_has_them_once_and_names_no_software(
    client: httpx.Client, method: str, path: str, status: int
) -> None:
    answer = client.request(method, path, json=EXAMPLE_INSTANCE if method == "POST" else None)
    assert answer.status_code == status
    assert answer.headers.get_list("X-Content-Type-Options") == ["nosniff"]
    assert answer.headers.get_list("Referrer-Policy") == ["same-origin"]
    assert len(answer.headers.get_list("Cache-Control")) == 1
    assert "Server" not in answer.headers
    assert "X-Powered-By" not in answer.headers
    assert "Strict-Transport-Security" not in answer.headers, "it means nothing without TLS"
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    if method == "POST":
        assert answer.headers["Cache-Control"] == "no-store"
    else:
        assert "frame-ancestors" in answer.headers["Content-Security-Policy"]


def test_the_page_of_the_api_runs_its_own_scripts_only(client: httpx.Client) -> None:
    policy = client.get("/docs").headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("path", ["/predict", "/predict?by=query", "/batch_predict"])
def test_no_other_site_may_ask_or_read(client: httpx.Client, path: str) -> None:
    asked = client.options(path, headers={**ELSEWHERE, "Access-Control-Request-Method": "POST"})
    assert asked.status_code == 405
    assert not [name for name in asked.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("path", ["/predict", "/predict?by=query", "/batch_predict", "/invocations"])
@pytest.mark.parametrize("headers", [ELSEWHERE, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
def test_another_sites_page_scores_nothing(client: httpx.Client, path: str, headers: dict[str, str]) -> None:
    answer = client.post(path, json=EXAMPLE_INSTANCE, headers=headers)
    assert answer.status_code == 403
    assert "another site" in answer.text


@pytest.mark.parametrize("headers", [ELSEWHERE, {"Sec-Fetch-Site": "same-site"}])
def test_another_sites_page_does_not_operate_with_the_browsers_login(stack: LiveStack, headers: dict[str, str]) -> None:
    answer = httpx.post(stack.url + "/update-model", auth=stack.admin, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")


def test_our_own_page_may_ask(stack: LiveStack, client: httpx.Client) -> None:
    headers = {"Origin": stack.url, "Sec-Fetch-Site": "same-origin", **LOGIN}
    assert client.post("/predict", json=EXAMPLE_INSTANCE, headers=headers).status_code == 200
