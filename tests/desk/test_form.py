"""Forms are read as they were sent: files byte by byte, whatever is in them."""

from __future__ import annotations

import random

import httpx
import pytest

from desk.form import Form, read_form

CONTENTS = [
    b"",
    b"a,b\r\n1,2\r\n",
    b"\n",
    b"\r\n\r\n",
    b"ends with a line break\r\n",
    b"\r",
    b"only\rcarriage\rreturns\r",
    b"From: somebody\r\n\r\n--x--\r\n",
    bytes(range(256)) * 4,
    "é €".encode(),
    *(random.Random(seed).randbytes(5000) for seed in range(20)),
    *(bytes(random.Random(seed).choices(b"\r\n-x\x00\x85\x0b\x1c", k=300)) for seed in range(40)),
]


@pytest.mark.parametrize("content", CONTENTS, ids=range(len(CONTENTS)))
def test_a_file_comes_byte_by_byte(content: bytes) -> None:
    sent = httpx.Request(
        "POST", "http://here", data={"form_token": "é"}, files={"file": ("march.csv", content, "text/csv")}
    )
    sent.read()
    assert read_form(sent.headers["content-type"], sent.content) == Form({"form_token": "é"}, {"file": content})


def test_a_form_without_files_is_as_ever() -> None:
    sent = httpx.Request("POST", "http://here", data={"a": ["1", "2"], "b": ""})
    sent.read()
    assert read_form(sent.headers["content-type"], sent.content) == Form({"a": "2", "b": ""})


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", "multipart/form-data; boundary=", 'multipart/form-data; boundary="x\r\ny"', ""],
)
def test_a_malformed_form_has_no_fields(content_type: str) -> None:
    assert read_form(content_type, b"--x\r\nnothing") in (Form(), Form({"--x\r\nnothing": ""}))


def test_a_nul_in_a_field_is_replaced() -> None:
    """PostgreSQL has no place for it in a text."""
    typed = read_form("application/x-www-form-urlencoded", b"to=be%00rt")
    sent = httpx.Request("POST", "http://desk/", files={"to": (None, b"be\0rt")})
    uploaded = read_form(sent.headers["content-type"], sent.read())
    assert typed == uploaded == Form({"to": "be\N{REPLACEMENT CHARACTER}rt"})
