"""What is a `traceparent`, by section 3.2 of W3C Trace Context."""

from __future__ import annotations

import pytest

from serve.trace_context import TraceContext, parse_traceparent

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("value", "flags"),
    [
        pytest.param(f"00-{TRACE}-{SPAN}-01", 1, id="sampled"),
        pytest.param(f"00-{TRACE}-{SPAN}-00", 0, id="not sampled"),
        pytest.param(f"00-{TRACE}-{SPAN}-03", 3, id="sampled, and random"),
        pytest.param(f"00-{TRACE}-{SPAN}-fd", 1, id="flags that nobody knows are dropped"),
        pytest.param(f"cc-{TRACE}-{SPAN}-01", 1, id="a later version"),
        pytest.param(f"cc-{TRACE}-{SPAN}-01-what-comes", 1, id="a later version that says more"),
    ],
)
def test_a_right_value_is_read(value: str, flags: int) -> None:
    found = parse_traceparent(value.encode())
    assert found == TraceContext(TRACE, SPAN, flags)
    assert found.header == f"00-{TRACE}-{SPAN}-{flags:02x}"
    assert found.is_sampled is bool(flags & 1)
    assert found.trace_id_bytes.hex() == TRACE


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="nothing"),
        pytest.param(f"ff-{TRACE}-{SPAN}-01", id="a version that is forbidden"),
        pytest.param(f"00-{TRACE}-{SPAN}-01-more", id="version 00 says no more"),
        pytest.param(f"00-{TRACE}-{SPAN}-01-", id="a dash behind it"),
        pytest.param(f"cc-{TRACE}-{SPAN}-01.more", id="a later version without a dash"),
        pytest.param(f"00-{TRACE.upper()}-{SPAN}-01", id="upper case"),
        pytest.param(f"00-{'0' * 32}-{SPAN}-01", id="trace id of zeros"),
        pytest.param(f"00-{TRACE}-{'0' * 16}-01", id="span id of zeros"),
        pytest.param(f"00-{TRACE[1:]}-{SPAN}-01", id="a digit too few"),
        pytest.param(f"00-{TRACE}-{SPAN}-0x", id="flags that are no digits"),
        pytest.param(f"00-{TRACE}-{SPAN}-01\n", id="the end of a line"),
        pytest.param(f"0-{TRACE}-{SPAN}-01", id="a short version"),
    ],
)
def test_a_malformed_value_is_none(value: str) -> None:
    assert parse_traceparent(value.encode()) is None
