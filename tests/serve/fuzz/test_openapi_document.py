"""Schemathesis over the OpenAPI document: requests that fit it and requests that don't, against a running server."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error, response_schema_conformance, status_code_conformance

pytestmark = pytest.mark.stack

SHORT, LONG = 12, 300
CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]


def send_all(url: str, mode: GenerationMode, examples: int) -> int:
    """Requests to every operation of the document; gives how many operations there are."""
    operations = [found.ok() for found in schemathesis.openapi.from_url(url + "/openapi.json").get_all_operations()]
    for operation in operations:

        @seed(7)
        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def send(case: schemathesis.Case) -> None:
            case.call_and_validate(checks=CHECKS)

        send()
    return len(operations)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
def test_no_request_is_an_internal_error(open_server: str, mode: GenerationMode) -> None:
    assert send_all(open_server, mode, SHORT) >= 15


@pytest.mark.long
@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
def test_no_request_of_many_is_an_internal_error(open_server: str, mode: GenerationMode) -> None:
    send_all(open_server, mode, LONG)
