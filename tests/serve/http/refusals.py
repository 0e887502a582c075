"""Requests that a server refuses, each with what is particular to its answer; one line a kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fraud.api_keys import new_key
from tests.serve.scoring_routes import INFER, INFERENCE_V2, INVOCATIONS, MLFLOW, MODEL, OURS, ROUTES
from tests.serve.wire import KEY_LINE, SINGLE, in_chunks, post, request

NAME: Final = "X-Request-ID: order-17"
HOST: Final = "Host: here"
CHUNKED: Final = "Transfer-Encoding: chunked"
NOBODY: Final = "X-API-Key: wrong"
ROLELESS_KEY: Final = new_key()
"""Of a client that may not score."""
ROLELESS: Final = f"X-API-Key: {ROLELESS_KEY}"
MAX_BODY_BYTES: Final = 100_000
"""Of the server that refuses."""
LONG: Final = bytes(MAX_BODY_BYTES + 1)


@dataclass(frozen=True)
class Refusal:
    """A request that is refused, and what is particular to its answer."""

    sent: bytes
    status: int
    form: str = OURS
    code: str | None = None
    is_named: bool | None = True
    """Whether the answer must bear the request's own name; None where its header may not have been read so far."""
    closes: bool | None = False
    """Whether the connection ends with it; None where either is right."""


def odd(*lines: str, **how: str) -> bytes:
    return post("/predict", SINGLE, NAME, *lines, **how)


def malformed(sent: bytes, status: int = 400, code: str | None = None) -> Refusal:
    return Refusal(sent, status, code=code, is_named=None, closes=True)


def of_a_route(path: str, body: bytes, form: str) -> dict[str, Refusal]:
    """What each route refuses."""
    invalid = 400 if form == MLFLOW else 422

    def asks(body: bytes, *lines: str) -> bytes:
        return post(path, body, NAME, *lines)

    def keyed(line: str) -> bytes:
        return asks(body).replace(KEY_LINE.encode(), line.encode())

    chunks = request("POST", path, HOST, KEY_LINE, NAME, CHUNKED, body=in_chunks(LONG))
    return {
        "no login": Refusal(keyed("X-Nothing: here"), 401, form, "unauthorized"),
        "a wrong key": Refusal(keyed(NOBODY), 401, form, "unauthorized"),
        "a key of another role": Refusal(keyed(ROLELESS), 403, form, "forbidden"),
        "another site": Refusal(asks(body, "Origin: https://elsewhere.example"), 403, form, "forbidden"),
        "no JSON": Refusal(asks(b"no JSON"), 400, form, "malformed_body"),
        "no body": Refusal(asks(b""), 400, form, "malformed_body"),
        "no rows": Refusal(asks(b"{}"), invalid, form, "invalid_instance"),
        "another type": Refusal(asks(body, "Content-Type: text/html"), 415, form, "unsupported_media_type"),
        "another encoding": Refusal(asks(body, "Content-Encoding: br"), 415, form, "unsupported_encoding"),
        "a long body": Refusal(asks(LONG), 413, form, "too_large", closes=None),
        "a long body in chunks": Refusal(chunks, 413, form, "too_large", closes=None),
        "a name that is none": Refusal(
            asks(body).replace(NAME.encode(), b"X-Request-ID: a b"), 400, form, "malformed_header", is_named=None
        ),
        "another method": Refusal(request("GET", path, HOST, KEY_LINE, NAME), 405, form, "method_not_allowed"),
        "an unknown method": Refusal(
            request("BREW", path, HOST, KEY_LINE, NAME, "Content-Length: 0"),
            405,
            form,
            "method_not_allowed",
            closes=None,
        ),
        "no host": Refusal(asks(body).replace(b"Host: here\r\n", b""), 400, form, closes=None),
        "two hosts": Refusal(asks(body, "Host: there"), 400, form, closes=None),
        "the last of its connection": Refusal(asks(b"{}", "Connection: close"), invalid, form, closes=True),
        "an older HTTP": Refusal(post(path, b"{}", NAME, version="1.0"), invalid, form, closes=True),
        "no login on the last": Refusal(keyed("Connection: close"), 401, form, closes=True),
        "a body too slow": Refusal(asks(body)[:-5], 408, form, "request_timeout", closes=True),
    }


TABLE: Final[dict[str, Refusal]] = {
    f"{route.path}: {name}": refusal
    for route in ROUTES
    for name, refusal in of_a_route(route.path, route.body, route.form).items()
} | {
    "no such address": Refusal(request("GET", "/nowhere", HOST, KEY_LINE, NAME), 404, code="not_found"),
    "no login elsewhere": Refusal(request("GET", "/model-info", HOST, NAME), 401, code="unauthorized"),
    "a role elsewhere": Refusal(
        request("POST", "/update-model", HOST, ROLELESS, NAME, "Content-Length: 0"), 403, code="forbidden"
    ),
    "a method elsewhere": Refusal(
        request("DELETE", "/health/live", HOST, KEY_LINE, NAME), 405, code="method_not_allowed"
    ),
    "no such model": Refusal(request("GET", "/v2/models/other", HOST, KEY_LINE, NAME), 404, INFERENCE_V2),
    "no such model to score": Refusal(post("/v2/models/other/infer", INFER.body, NAME), 404, INFERENCE_V2),
    "no such version": Refusal(post(f"/v2/models/{MODEL}/versions/99/infer", INFER.body, NAME), 404, INFERENCE_V2),
    "no such call": Refusal(request("GET", "/v2/nowhere", HOST, KEY_LINE, NAME), 404, INFERENCE_V2),
    "a method of MLflow's": Refusal(request("PUT", INVOCATIONS.path, HOST, KEY_LINE, NAME), 405, MLFLOW),
    "what MLflow is not asked": Refusal(request("GET", "/mlflow/nowhere", HOST, KEY_LINE, NAME), 403, code="forbidden"),
    "garbage": malformed(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    "no request": malformed(b"GARBAGE\r\n\r\n"),
    "another HTTP": malformed(odd(version="3.0")),
    "two lengths": malformed(odd("Content-Length: 3")),
    "a length and chunks": malformed(odd(CHUNKED)),
    "a folded line": malformed(odd("X-Long: begins", " goes on")),
    "NUL": malformed(odd("X-Odd: a\0b")),
    "a space before the colon": malformed(odd("X-Odd : a")),
    "a malformed chunk": malformed(request("POST", "/predict", HOST, KEY_LINE, NAME, CHUNKED, body=b"zz\r\n")),
    "another transfer coding": malformed(
        request("POST", "/predict", HOST, KEY_LINE, NAME, "Transfer-Encoding: gzip, chunked", body=in_chunks(SINGLE)),
        501,
    ),
    "a long header": malformed(odd(f"X-Long: {'x' * 70_000}"), 431, "header_too_large"),
    "many headers": malformed(odd(*(f"X-{number:05}: 1" for number in range(10_000))), 431, "header_too_large"),
    "silence": malformed(b"", 408, "request_timeout"),
    "a header too slow": malformed(odd()[:60], 408, "request_timeout"),
}
