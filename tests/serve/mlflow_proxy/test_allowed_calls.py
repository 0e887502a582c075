"""What passes the proxy to MLflow: a list, and nothing beside it, however it is spelled."""

from __future__ import annotations

import pytest

from fraud.api_keys import Role
from serve.errors import Forbidden, MalformedBody
from serve.mlflow_proxy.allowed_calls import check_names_of_files, role_of_call

AJAX, API = "/ajax-api/2.0/mlflow/", "/api/2.0/mlflow/"
READS = [
    *(("GET", path) for path in ("/", "/health", "/static-files/static/js/main.c2f5f8d4.js", "/get-artifact")),
    *(("GET", prefix + "runs/get") for prefix in (AJAX, API)),
    *(("POST", AJAX + call) for call in ("runs/search", "experiments/search", "logged-models/search")),
    ("GET", AJAX + "registered-models/alias"),
    ("GET", AJAX + "logged-models/m-0123abc/artifacts/directories"),
    ("GET", "/api/2.0/mlflow-artifacts/artifacts/1/ab/artifacts/model/model_card.md"),
    ("POST", "/graphql"),
]
CHANGES = [
    ("POST", AJAX + "registered-models/alias"),
    ("DELETE", API + "registered-models/alias"),
    ("PATCH", AJAX + "model-versions/update"),
]
REFUSED = [
    # Writes of artifacts.
    ("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/ab/artifacts/model/model.onnx"),
    ("DELETE", "/ajax-api/2.0/mlflow-artifacts/artifacts/1"),
    ("POST", "/ajax-api/2.0/mlflow-artifacts/mpu/create/1/x"),
    ("POST", AJAX + "upload-artifact"),
    ("POST", AJAX + "artifacts/presigned-upload-url"),
    # Versions, tags and runs.
    ("POST", AJAX + "model-versions/create"),
    ("DELETE", AJAX + "model-versions/delete"),
    ("POST", AJAX + "model-versions/set-tag"),
    ("POST", AJAX + "model-versions/transition-stage"),
    ("POST", AJAX + "registered-models/create"),
    ("POST", AJAX + "registered-models/rename"),
    ("DELETE", AJAX + "registered-models/delete"),
    ("POST", AJAX + "experiments/create"),
    ("POST", AJAX + "experiments/delete"),
    ("POST", AJAX + "runs/create"),
    ("POST", AJAX + "runs/set-tag"),
    ("POST", AJAX + "runs/delete"),
    # What fetches addresses, runs code or keeps secrets.
    ("POST", AJAX + "gateway-proxy"),
    ("GET", AJAX + "gateway-proxy"),
    ("POST", AJAX + "webhooks"),
    ("POST", AJAX + "webhooks/1/test"),
    ("POST", "/ajax-api/3.0/mlflow/scorer/invoke"),
    ("POST", "/ajax-api/3.0/mlflow/genai/evaluate/invoke"),
    ("POST", "/ajax-api/3.0/mlflow/gateway/secrets/create"),
    ("GET", "/ajax-api/3.0/mlflow/gateway/secrets/list"),
    ("POST", "/ajax-api/3.0/mlflow/assistant/message"),
    ("POST", "/ajax-api/3.0/mlflow/jobs"),
    ("POST", "/v1/traces"),
    ("POST", "/gateway/chat/invocations"),
    ("GET", "/graphql"),
    # Other spellings of what passes, and of what does not.
    ("GET", "//health"),
    ("GET", "/health/"),
    ("GET", "/HEALTH"),
    ("GET", "/api/2.0/mlflow/runs/get/"),
    ("GET", "/api/2.0/mlflow//runs/get"),
    ("GET", "/api/2.0/mlflow/runs/%67et"),
    ("GET", "/http://elsewhere.example/"),
    ("GET", "/static-files//etc/passwd"),
    ("GET", "/health\n"),
    ("POST", AJAX + "runs/search;x"),
    ("TRACE", "/"),
    ("OPTIONS", AJAX + "runs/search"),
]


@pytest.mark.parametrize(("method", "path"), READS)
def test_reading_passes(method: str, path: str) -> None:
    assert role_of_call(method, path) is Role.READ
    check_names_of_files(path, "path=model/model_card.md&run_uuid=0123&filter=name%20%3D%20%27a..b;c%27")


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_changing_aliases_and_descriptions_is_for_operators(method: str, path: str) -> None:
    assert role_of_call(method, path) is Role.OPERATE


@pytest.mark.parametrize(("method", "path"), REFUSED)
def test_all_else_is_refused(method: str, path: str) -> None:
    with pytest.raises(Forbidden, match="is not allowed"):
        role_of_call(method, path)


TRICKS = [
    "..",
    "a/../b",
    "a/./b",
    "%2e%2e",
    "%2E%2e/x",
    "a/%252e%252e/b",
    "a/%25252e%25252e/b",
    "..%2fx",
    "..%5cx",
    "..\\x",
    "a%5c..%5cb",
    "a;b",
    "a%3bb",
    "a%00b",
    "a%0d%0aSet-Cookie:%20x=y",
    "http://elsewhere.example/x",
    "file%3a%2f%2f/etc/passwd",
    "%252525252e%252525252e",
]


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("place", ["path", "query"])
def test_no_name_leads_elsewhere(trick: str, place: str) -> None:
    path = f"/static-files/{trick}" if place == "path" else "/get-artifact"
    with pytest.raises(MalformedBody):
        check_names_of_files(path, f"run_uuid=0123&path={trick}" if place == "query" else "")
