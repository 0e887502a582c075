"""Malformed HTTP: never a 500, never a hang, and the server answers afterwards as before."""

from __future__ import annotations

import pytest

from tests.serve.fuzz.wire_fuzz import CHECK_EVERY, WireFuzzer
from tests.serve.wire import Wire


def send(fuzzer: WireFuzzer, inputs: int) -> None:
    for number in range(1, inputs + 1):
        fuzzer.send_one()
        if number % CHECK_EVERY == 0:
            fuzzer.check_alive()


def test_malformed_requests_are_refused_and_the_server_goes_on(open_server: str) -> None:
    fuzzer = WireFuzzer(open_server, seed=11)
    send(fuzzer, 600)
    assert {200, 400} <= set(fuzzer.answers), fuzzer.answers


@pytest.mark.long
def test_many_malformed_requests_are_refused_and_the_server_goes_on(open_server: str) -> None:
    send(WireFuzzer(open_server, seed=12), 60_000)


@pytest.mark.parametrize(
    "login",
    [
        pytest.param(b"Basic YWRt\xffaW46", id="a login that is not ASCII"),
        pytest.param(b"Basic //79", id="a login that is not UTF-8 inside"),
    ],
)
def test_inputs_that_the_fuzzer_found_are_refused(open_server: str, login: bytes) -> None:
    wire = Wire(open_server)
    try:
        wire.send(
            b"POST /update-model HTTP/1.1\r\nHost: here\r\nContent-Length: 0\r\nAuthorization: %b\r\n\r\n" % login
        )
        assert wire.answer().status in {401, 429}  # 429 where other tests have tried too often
    finally:
        wire.close()
