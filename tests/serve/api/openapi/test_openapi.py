"""The OpenAPI page describes every call, and what it shows works."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from serve.api.openapi.examples import BATCH, INFERENCE, INVOCATION, SINGLE, Bodies
from tests.live_stack import LOGIN, LiveStack

INFER = "/v2/models/{name}/infer"
INFER_VERSION = "/v2/models/{name}/versions/{version}/infer"
CALLS: dict[str, Bodies] = {
    "/predict": SINGLE,
    "/batch_predict": BATCH,
    "/invocations": INVOCATION,
    INFER: INFERENCE,
    INFER_VERSION: INFERENCE,
}
EXAMPLES = [
    pytest.param(path, content_type, name, id=f"{path} {content_type} {name}")
    for path, bodies in CALLS.items()
    for content_type, named in bodies.items()
    for name in named
]


@pytest.fixture(scope="module")
def page(stack: LiveStack) -> dict[str, Any]:
    document: dict[str, Any] = httpx.get(stack.url + "/openapi.json").json()
    return document


@pytest.fixture(scope="module")
def names(stack: LiveStack) -> dict[str, str]:
    info = httpx.get(stack.url + "/model-info", headers=LOGIN).json()
    return {"name": info["model_name"], "version": info["model_version"]}


@pytest.mark.parametrize(("path", "content_type", "name"), EXAMPLES)
def test_every_example_is_scored(
    stack: LiveStack, page: dict[str, Any], names: dict[str, str], path: str, content_type: str, name: str
) -> None:
    value = page["paths"][path]["post"]["requestBody"]["content"][content_type]["examples"][name]["value"]
    content = value if isinstance(value, str) else json.dumps(value)
    answer = httpx.post(
        stack.url + path.format(**names), content=content, headers={"Content-Type": content_type, **LOGIN}
    )
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("path", "member", "schema"),
    [
        ("/health/live", "error", "Error"),
        ("/model-info", "error", "Error"),
        ("/ping", "error_code", "MlflowError"),
        ("/health", "error_code", "MlflowError"),
        ("/version", "error_code", "MlflowError"),
        ("/v2", "error", "InferenceError"),
    ],
)
def test_an_error_has_the_form_that_the_page_shows(
    stack: LiveStack, page: dict[str, Any], path: str, member: str, schema: str
) -> None:
    answer = httpx.get(stack.url + path, headers={**LOGIN, "X-Request-ID": "no name"})
    assert answer.status_code == 400
    assert member in answer.json()
    shown = page["paths"][path]["get"]["responses"]["400"]["content"]["application/json"]["schema"]
    assert f"#/components/schemas/{schema}" in json.dumps(shown)


def test_the_page_shows_no_other_examples(page: dict[str, Any]) -> None:
    shown = {
        (path, content_type, name)
        for path, methods in page["paths"].items()
        for content_type, body in methods.get("post", {}).get("requestBody", {}).get("content", {}).items()
        for name in body.get("examples", {})
    }
    assert shown == {*(tuple(example.values) for example in EXAMPLES), ("/labels", "application/json", "outcomes")}


def test_every_path_of_the_page_answers(stack: LiveStack, page: dict[str, Any], names: dict[str, str]) -> None:
    for path, methods in page["paths"].items():
        if "get" in methods:
            assert httpx.get(stack.url + path.format(**names), headers=LOGIN).status_code == 200, path
    assert len([path for path in page["paths"] if path.startswith("/v2")]) == 15


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == "$ref")
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_leads_somewhere(page: dict[str, Any]) -> None:
    found = set(references(page))
    assert "#/components/schemas/Instance" in found
    assert found <= {f"#/components/schemas/{name}" for name in page["components"]["schemas"]}


def test_the_page_describes_the_model_and_its_policy(stack: LiveStack, page: dict[str, Any]) -> None:
    schemas = page["components"]["schemas"]
    assert set(schemas["ModelInfo"]["properties"]) == set(httpx.get(stack.url + "/model-info", headers=LOGIN).json())
    assert {"$ref": "#/components/schemas/PolicyInfo"} in schemas["ModelInfo"]["properties"]["review_policy"]["anyOf"]
    assert set(schemas["PolicyInfo"]["properties"]) == {
        *("id", "threshold", "capacity"),
        *("valid_from", "in_force_from"),
    }


REQUIRED_HEADERS = {"401": "WWW-Authenticate", "405": "Allow", "429": "Retry-After", "503": "Retry-After"}


def test_every_call_shows_every_status_with_its_headers(page: dict[str, Any]) -> None:
    """What a connection refuses by itself, and what takes a login or a full server, no generated request meets."""
    calls = [
        (path, method, methods[method])
        for path, methods in page["paths"].items()
        for method in ("get", "post")
        if method in methods
    ]
    for path, method, call in calls:
        expected = {"200", "400", "405", "408", "431", "500", "503"}
        expected |= {"401", "403", "429"} if "security" in call else set()
        expected |= {"409", "413", "415", "422"} if path in CALLS else set()
        expected |= {"413", "415", "422"} if path == "/labels" else set()
        expected |= {"404"} if "{name}" in path else set()
        assert expected <= call["responses"].keys(), (method, path)
        for status, answer in call["responses"].items():
            headers = {name for name, header in answer["headers"].items() if header["required"]}
            assert {"X-Request-ID", "X-Model-Version"} <= headers, (method, path, status)
            assert REQUIRED_HEADERS.get(status, "X-Request-ID") in headers, (method, path, status)
        names = {parameter["name"] for parameter in call["parameters"]}
        assert "X-Request-ID" in names
        assert ("Idempotency-Key" in names) is (path in {*CALLS, "/labels"})
    assert {path for path, _, _ in calls} >= {"/update-model", "/model-info", "/health/ready"}


def test_the_page_says_what_each_call_takes(stack: LiveStack, page: dict[str, Any], names: dict[str, str]) -> None:
    """What it calls open answers without a login, and nothing else does."""
    for path, methods in page["paths"].items():
        for method in ("get", "post"):
            if method in methods:
                answer = httpx.request(method, stack.url + path.format(**names))
                assert (answer.status_code == 401) == ("security" in methods[method]), (method, path)
    schemes = page["components"]["securitySchemes"]
    assert {scheme["type"] for scheme in schemes.values()} == {"http", "apiKey"}
    assert [list(way) for way in page["paths"]["/predict"]["post"]["security"]] == [["BearerKey"], ["HeaderKey"]]
    assert set().union(*page["paths"]["/update-model"]["post"]["security"]) == set(schemes)
