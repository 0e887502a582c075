"""An answer has the form that `Accept` weighs highest."""

from __future__ import annotations

import httpx
import pytest

from serve.api.accept import preferred
from serve.decoding.arrow_stream import ARROW_STREAM
from serve.decoding.by_content_type import JSON
from tests.serve.wire import SINGLE

ARROW = ARROW_STREAM
CASES = [
    pytest.param("", JSON, id="nothing"),
    pytest.param("*/*", JSON, id="anything"),
    pytest.param("application/*", JSON, id="any application"),
    pytest.param(ARROW, ARROW, id="Arrow"),
    pytest.param(ARROW.upper(), ARROW, id="capitals"),
    pytest.param(f"{JSON}, {ARROW};q=0", JSON, id="all but Arrow"),
    pytest.param(f"*/*, {ARROW};q=0", JSON, id="anything but Arrow"),
    pytest.param(f"*/*, {JSON};q=0", ARROW, id="anything but JSON: only Arrow is left"),
    pytest.param(f"{ARROW};q=0.5, {JSON}", JSON, id="rather JSON"),
    pytest.param(f"{JSON};q=0.5, {ARROW};q=0.501", ARROW, id="rather Arrow"),
    pytest.param(f"{ARROW}; Q=0.4 , {JSON} ;q=0.5", JSON, id="white space"),
    pytest.param(f"{ARROW}, */*", ARROW, id="Arrow is named, JSON is covered"),
    pytest.param(f"{ARROW}, {JSON}", ARROW, id="both alike: Arrow is hardly named by chance"),
    pytest.param(f"{ARROW};q=0.1, */*", JSON, id="rather anything than Arrow"),
    pytest.param(f"{ARROW}, application/*;q=0.9", ARROW, id="a wide range weighs less"),
    pytest.param(f"application/*;q=0.9, */*;q=1, {ARROW};q=0.95", ARROW, id="the most precise range counts"),
    pytest.param(f"text/html, {ARROW};q=0.2", ARROW, id="the only one of ours"),
    pytest.param(f"text/html, {ARROW};q=0", JSON, id="none of ours"),
    pytest.param(f"{ARROW};q=0, {JSON};q=0", JSON, id="neither"),
    pytest.param(f"{ARROW};q=0.000", JSON, id="zero in full"),
    pytest.param(f"{ARROW};q=1.000", ARROW, id="one in full"),
    pytest.param(f"{ARROW};q=2", JSON, id="no weight"),
    pytest.param(f"{ARROW};q=", JSON, id="an empty weight"),
    pytest.param(f'text/plain;x="{ARROW}, {ARROW}"', JSON, id="a quoted parameter"),
    pytest.param(f'{JSON};x="a;q=0", {ARROW};q=0.9', JSON, id="a quoted weight"),
    pytest.param(f'"{ARROW}', JSON, id="a quote without end"),
    pytest.param(f",, {ARROW} ,", ARROW, id="empty items"),
]


@pytest.mark.parametrize(("accept", "expected"), CASES)
def test_the_highest_weight_counts(accept: str, expected: str) -> None:
    assert preferred(accept, (JSON, ARROW)) == expected


def test_a_header_of_any_length_is_read_in_linear_time() -> None:
    assert preferred('"' * 100_000, (JSON, ARROW)) == JSON
    assert preferred(';q="' * 20_000, (JSON, ARROW)) == JSON


@pytest.mark.parametrize(("accept", "expected"), CASES)
def test_a_batch_is_answered_so(client: httpx.Client, accept: str, expected: str) -> None:
    content = b'{"instances": [' + SINGLE + b"]}"
    answer = client.post("/batch_predict", content=content, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, expected)
