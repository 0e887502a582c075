"""Schemathesis over the OpenAPI document: requests that fit it and requests that don't, against a running server."""

from __future__ import annotations

import httpx
import pytest

SHORT, LONG = 5, 300
MODES = ["positive", "negative"]
"""Schemathesis' names of requests that fit the document and of those that don't."""


@pytest.mark.parametrize("mode", MODES)
def test_no_request_is_an_internal_error(open_server: str, mode: str) -> None:
    from tests.serve.fuzz.document_requests import send_all

    assert send_all(open_server, mode, SHORT) >= 12


@pytest.mark.parametrize("path", ["/v2/models/m/infer", "/v2/models/m/versions/1/infer", "/v2?x=1"])
def test_a_name_that_is_refused_is_refused_in_the_form_of_the_protocol(open_server: str, path: str) -> None:
    answer = httpx.post(open_server + path, json={}, headers={"X-Request-ID": "no name"})
    assert answer.status_code == 400
    assert answer.json() == {"error": "X-Request-ID: expected 1 to 128 letters, digits or . _ : -"}


@pytest.mark.long
@pytest.mark.parametrize("mode", MODES)
def test_no_request_of_many_is_an_internal_error(open_server: str, mode: str) -> None:
    from tests.serve.fuzz.document_requests import send_all

    send_all(open_server, mode, LONG)
