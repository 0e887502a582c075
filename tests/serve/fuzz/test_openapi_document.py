"""Schemathesis over the OpenAPI document: requests that fit it and requests that don't, against a running server."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error, response_schema_conformance, status_code_conformance

from serve.decoding.arrow_stream import ARROW_STREAM
from serve.decoding.by_content_type import NDJSON

pytestmark = pytest.mark.stack

SHORT, LONG = 12, 300
CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]


@schemathesis.serializer(ARROW_STREAM, NDJSON)
def as_it_is(_context: schemathesis.SerializationContext, value: Any) -> bytes:
    """Text stays text, so that it is hardly ever what these formats ask for."""
    return value.encode(errors="replace") if isinstance(value, str) else json.dumps(value).encode()


def send_some(operation: schemathesis.APIOperation, mode: GenerationMode, examples: int) -> bool:
    """Requests to an operation; False where there is none in this mode."""

    @seed(7)
    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS)

    try:
        send()
    except Unsatisfiable:  # nothing about a request without parameters can be wrong
        return False
    return True


def send_all(url: str, mode: GenerationMode, examples: int) -> int:
    """Requests to every operation of the document; gives how many operations had some."""
    schema = schemathesis.openapi.from_url(url + "/openapi.json")
    return sum(send_some(found.ok(), mode, examples) for found in schema.get_all_operations())


@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
def test_no_request_is_an_internal_error(open_server: str, mode: GenerationMode) -> None:
    assert send_all(open_server, mode, SHORT) >= 12


@pytest.mark.parametrize("path", ["/v2/models/m/infer", "/v2/models/m/versions/1/infer", "/v2?x=1"])
def test_a_name_that_is_refused_is_refused_in_the_form_of_the_protocol(open_server: str, path: str) -> None:
    answer = httpx.post(open_server + path, json={}, headers={"X-Request-ID": "no name"})
    assert answer.status_code == 400
    assert answer.json() == {"error": "X-Request-ID: expected 1 to 128 letters, digits or . _ : -"}


@pytest.mark.long
@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
def test_no_request_of_many_is_an_internal_error(open_server: str, mode: GenerationMode) -> None:
    send_all(open_server, mode, LONG)
