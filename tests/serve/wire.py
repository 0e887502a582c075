"""HTTP/1.1 as bytes: requests that a client library would not send, and what came back."""

from __future__ import annotations

import json
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from fraud.features import EXAMPLE_INSTANCE
from tests.live_stack import API_KEY, LOGIN

KEY_LINE = f"X-API-Key: {API_KEY}"
SINGLE = json.dumps(EXAMPLE_INSTANCE).encode()
BATCH_ROWS = 2_000
BATCH = json.dumps({"instances": [EXAMPLE_INSTANCE] * BATCH_ROWS}).encode()
"""Long enough to be scored on another thread."""
LONG = BATCH * 8
"""A body that comes in many reads, whatever the sizes of the kernel's buffers."""


@dataclass
class Answer:
    """What came back for one request."""

    status: int
    headers: dict[str, str]
    body: bytes
    lines: list[tuple[str, str]] = field(default_factory=list)
    """Its headers as they came: names in lower case, one that is sent twice twice."""

    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """A connection on which bytes are sent as they are."""

    def __init__(self, url: str, trust: ssl.SSLContext | None = None) -> None:
        """`trust` says whom to believe where the server encrypts."""
        self.socket = socket.create_connection(("127.0.0.1", httpx.URL(url).port or 80), timeout=30)
        if trust is not None:
            self.socket = trust.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self.file = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_in_pieces(self, data: bytes, size: int) -> None:
        for start in range(0, len(data), size):
            self.send(data[start : start + size])

    def answer(self, method: str = "POST") -> Answer:
        """The next one; the `method` of its request says whether it has a body."""
        first = self.file.readline()
        assert first, "the connection was closed without an answer"
        status = int(first.split()[1])
        lines = []
        while line := self.file.readline().strip():
            name, _, value = line.decode().partition(": ")
            lines.append((name.lower(), value))
        headers = dict(lines)
        size = 0 if method == "HEAD" else int(headers.get("content-length", 0))
        return Answer(status, headers, self.file.read(size), lines)

    def is_closed(self) -> bool:
        return self.file.read(1) == b""

    def close(self) -> None:
        self.file.close()
        self.socket.close()


def request(method: str, target: str, *headers: str, body: bytes = b"", version: str = "1.1") -> bytes:
    """A request with these header lines and no others."""
    return "\r\n".join((f"{method} {target} HTTP/{version}", *headers, "", "")).encode("latin-1") + body


def in_chunks(body: bytes, *trailers: str) -> bytes:
    """A body of two chunks, as `Transfer-Encoding: chunked` has it."""
    half = len(body) // 2
    parts = (part for part in (body[:half], body[half:]) if part)
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return chunks + "\r\n".join(("0", *trailers, "", "")).encode()


def post(path: str, body: bytes, *headers: str, version: str = "1.1") -> bytes:
    lines = (f"POST {path} HTTP/{version}", "Host: here", f"Content-Length: {len(body)}", KEY_LINE, *headers, "", "")
    return "\r\n".join(lines).encode() + body


def wait_for_a_round(url: str) -> None:
    """Return when a server of one process has looked at all that was sent to it before."""
    assert httpx.get(url + "/health/live").status_code == 200


def is_welcome(url: str) -> bool:
    """Whether a further connection is taken."""
    with suppress(httpx.TransportError):
        return httpx.get(url + "/health/live").status_code == 200
    return False


def gauge(url: str, name: str) -> float:
    return total(httpx.get(url + "/metrics", headers=LOGIN).text, name)


def total(metrics: str, name: str) -> float:
    """The sum of all lines of the metrics' page that begin so."""
    return sum(float(line.split()[-1]) for line in metrics.splitlines() if line.startswith(name))
