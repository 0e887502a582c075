"""Schemathesis over the OpenAPI document: requests that fit it and requests that don't, against the running server."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error, response_schema_conformance, status_code_conformance

pytestmark = pytest.mark.stack

SHORT, LONG = 15, 400
QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


@pytest.fixture
def document(open_server: str) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(open_server + "/openapi.json")


schema = schemathesis.pytest.from_fixture("document")


@schema.parametrize()
@settings(max_examples=SHORT, derandomize=True, deadline=None, suppress_health_check=QUIET)
def test_no_request_is_an_internal_error(case: schemathesis.Case) -> None:
    case.call_and_validate(checks=[not_a_server_error, status_code_conformance, response_schema_conformance])


@pytest.mark.long
@schema.parametrize()
@settings(max_examples=LONG, deadline=None, suppress_health_check=QUIET)
def test_no_request_of_many_is_an_internal_error(case: schemathesis.Case) -> None:
    case.call_and_validate(checks=[not_a_server_error, status_code_conformance, response_schema_conformance])
