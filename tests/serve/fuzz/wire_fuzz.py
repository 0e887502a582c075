"""Malformed HTTP as bytes over a real socket: every answer is an answer of HTTP, none is a 500, nothing hangs."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Sequence
from random import Random

import httpx

from serve.request_names import REQUEST_ID_HEADER
from tests.serve.fuzz import seeds
from tests.serve.fuzz.mutation import mutate
from tests.serve.wire import SINGLE, post

TIMEOUT_S = 10.0
"""Of one request; the client sends all that it will, and says so, so that the server owes it an end of the answer."""
CHECK_EVERY = 500
"""Inputs after which the server has to answer a good request."""
MAX_BYTES = 128 * 1024

_STATUS_LINE = re.compile(rb"(?:\A|(?<=[}\n]))HTTP/1\.1 (\d{3}) ")
_CHUNKED = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (SINGLE[:50], SINGLE[50:])) + b"0\r\n\r\n"

REQUESTS: Sequence[bytes] = (
    post("/predict", SINGLE),
    post("/predict", SINGLE, f"{REQUEST_ID_HEADER}: order-17", "Idempotency-Key: fuzz", "Expect: 100-continue"),
    post("/predict", SINGLE) + post("/batch_predict", seeds.BATCHES[0]),
    post("/predict", SINGLE, version="1.0"),
    post("/batch_predict", seeds.GZIPPED[0], "Content-Encoding: gzip"),
    post("/batch_predict", seeds.ARROW_STREAMS[0], "Content-Type: application/vnd.apache.arrow.stream"),
    post("/invocations", seeds.TABLES[0], "Content-Type: text/csv"),
    post("/v2/models/divorce-model/infer", seeds.INFERENCES[0][2:], "Inference-Header-Content-Length: 200"),
    b"POST /predict HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n" + _CHUNKED,
    b"GET /health/live HTTP/1.1\r\nHost: here\r\n\r\n" * 3,
    b"GET /model-info?x=1 HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n",
    b"GET /docs HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: here\r\n\r\n",
    b"HEAD /mlflow/../etc/%2e%2e/passwd HTTP/1.1\r\nHost: here\r\nAuthorization: Basic YWRtaW46eA==\r\n\r\n",
)
WORDS = [
    *seeds.WORDS,
    *(
        b"HTTP/1.1",
        b"HTTP/2.0",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: -1\r\n",
    ),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: identity, chunked\r\n", b"ffffffffffffffff\r\n"),
    *(b"\r\n\r\n", b"\n\n", b"\r", b"\x00", b" \t", b"%00", b"%2e%2e/", b"Content-Encoding: zstd\r\n", b"X" * 5000),
]


class ServerFault(AssertionError):
    """The server did what it must not do."""


class WireFuzzer:
    """Sends to one server."""

    def __init__(self, url: str, seed: int) -> None:
        self._url = httpx.URL(url)
        self._random = Random(seed)
        self._usual = self._good_answer()
        self.answers: dict[int, int] = {}
        """By status; 0 stands for a connection that was closed without one."""
        self.slowest_s = 0.0

    def send_one(self) -> None:
        """One input.

        Raises:
            ServerFault: an internal error, no end within the time, or bytes that are no answer.
        """
        request = mutate(self._random.choice(REQUESTS), self._random, WORDS)[:MAX_BYTES]
        started = time.monotonic()
        try:
            received = self._exchange(request)
        except TimeoutError:
            raise ServerFault(f"no end of the answer within {TIMEOUT_S} s: {request[:2000]!r}") from None
        self.slowest_s = max(self.slowest_s, time.monotonic() - started)
        statuses = [int(status) for status in _STATUS_LINE.findall(received)]
        if received and not received.startswith(b"HTTP/1.1 "):
            raise ServerFault(f"{received[:200]!r} is no answer to {request[:2000]!r}")
        if any(status == 500 for status in statuses):
            raise ServerFault(f"{received[:1000]!r} to {request[:2000]!r}")
        for status in statuses or [0]:
            self.answers[status] = self.answers.get(status, 0) + 1

    def check_alive(self) -> None:
        """The server still answers as before.

        Raises:
            ServerFault: it does not.
        """
        answer = self._good_answer()
        if answer != self._usual:
            raise ServerFault(f"{answer!r} where it was {self._usual!r}")

    def _good_answer(self) -> bytes:
        return httpx.post(self._url.join("/predict"), content=SINGLE, timeout=TIMEOUT_S).content

    def _exchange(self, request: bytes) -> bytes:
        received = []
        with socket.create_connection((self._url.host, self._url.port or 80), timeout=TIMEOUT_S) as connection:
            try:
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
                while piece := connection.recv(65536):
                    received.append(piece)
            except (ConnectionResetError, BrokenPipeError):
                pass  # closed before it had read all of it, which it may
        return b"".join(received)
