"""Requests that Schemathesis makes from the OpenAPI document.

Apart from the tests, since importing Schemathesis takes seconds: a test imports this file when it runs.
"""

from __future__ import annotations

import json
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    negative_data_rejection,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.core.result import Ok

from serve.api.inference_v2.answers import BINARY_TYPE
from serve.decoding.arrow_stream import ARROW_FILE, ARROW_STREAM
from serve.decoding.by_content_type import CSV, LINES, PARQUET

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@schemathesis.serializer(ARROW_STREAM, ARROW_FILE, *LINES, CSV, PARQUET, BINARY_TYPE)
def as_it_is(_context: schemathesis.SerializationContext, value: Any) -> bytes:
    """Text stays text, so that it is hardly ever what these formats ask for."""
    return value.encode(errors="replace") if isinstance(value, str) else json.dumps(value).encode()


def send_some(operation: schemathesis.APIOperation[Any, Any, Any, Any], mode: GenerationMode, examples: int) -> bool:
    """Requests to an operation; False where there is none in this mode."""

    @seed(7)
    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(checks=CHECKS)

    try:
        send()
    except Unsatisfiable:  # nothing about a request without parameters can be wrong
        return False
    return True


def send_all(url: str, mode: str, examples: int) -> int:
    """Requests to every operation of the document; gives how many operations had some."""
    schema = schemathesis.openapi.from_url(url + "/openapi.json")
    sent = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        sent += send_some(found.ok(), GenerationMode(mode), examples)
    return sent
