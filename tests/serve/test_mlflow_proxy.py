"""`/mlflow/` lets the administrator through to MLflow, and nobody else."""

from __future__ import annotations

import base64
import http.client
import json

import httpx
import pytest

from tests.live_stack import LiveStack

SEARCH = "/mlflow/ajax-api/2.0/mlflow/registered-models/search"


@pytest.mark.parametrize("path", ["/mlflow", "/mlflow/", "/mlflow/health", "/mlflow/static-files/x", SEARCH])
def test_nothing_is_shown_without_a_login(stack: LiveStack, path: str) -> None:
    answer = httpx.get(stack.url + path, follow_redirects=True)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_the_page_and_its_assets_arrive(stack: LiveStack) -> None:
    page = httpx.get(stack.url + "/mlflow/", auth=stack.admin)
    assert page.status_code == 200
    assert "<title>MLflow</title>" in page.text
    script = next(part.partition('"')[0] for part in page.text.split('src="')[1:])
    asset = httpx.get(httpx.URL(stack.url + "/mlflow/").join(script), auth=stack.admin)
    assert asset.status_code == 200
    assert "javascript" in asset.headers["Content-Type"]


def test_the_pages_calls_work_as_a_browser_sends_them(stack: LiveStack) -> None:
    answer = httpx.get(stack.url + SEARCH, auth=stack.admin, headers={"Origin": stack.url})
    assert [model["name"] for model in answer.json()["registered_models"]] == ["divorce-model"]
    created = httpx.post(
        stack.url + "/mlflow/ajax-api/2.0/mlflow/experiments/create",
        json={"name": "made through the proxy"},
        auth=stack.admin,
        headers={"Origin": stack.url},
    )
    assert created.status_code == 200


def test_a_page_of_another_site_changes_nothing(stack: LiveStack) -> None:
    answer = httpx.post(
        stack.url + "/mlflow/ajax-api/2.0/mlflow/experiments/create",
        json={"name": "made by another site"},
        auth=stack.admin,
        headers={"Origin": "https://elsewhere.example"},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")


@pytest.mark.parametrize("path", ["/mlflow/../predict", "/mlflow/%2e%2e/x", "/mlflow/a/%252e%252e/b", "/mlflow/..%5cx"])
def test_steps_upwards_are_refused(stack: LiveStack, path: str) -> None:
    # http.client sends the path as it stands; other clients tidy it up first.
    connection = http.client.HTTPConnection(stack.url.removeprefix("http://"), timeout=10)
    login = base64.b64encode(":".join(stack.admin).encode()).decode()
    connection.request("GET", path, headers={"Authorization": f"Basic {login}"})
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["error"]["code"]) == (400, "malformed_body")
    connection.close()


def test_an_artifact_of_the_model_can_be_fetched(stack: LiveStack) -> None:
    version = httpx.get(
        stack.url + "/mlflow/ajax-api/2.0/mlflow/registered-models/alias",
        params={"name": "divorce-model", "alias": "production"},
        auth=stack.admin,
    ).json()["model_version"]
    artifact = httpx.get(
        stack.url + "/mlflow/get-artifact",
        params={"run_uuid": version["run_id"], "path": "model/model_card.md"},
        auth=stack.admin,
    )
    assert artifact.status_code == 200
    assert artifact.text.startswith("#")
