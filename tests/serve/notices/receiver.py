"""A webhook's receiver: it keeps what it is sent if the signature is right, and answers as it is told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from tests.serving import serving

KEY = b"0123456789abcdef0123456789abcdef"
OLDEST_S = 300


class Receiver:
    """What came, and what is answered."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 204
        self.taken: list[dict[str, Any]] = []
        self.refused = 0
        self.seen: set[str] = set()
        self.other_calls: list[str] = []
        self.silent = threading.Event()

    def take(self, headers: Any, body: bytes) -> bool:
        """As a receiver has to: the signature, the time, and whether it was seen before."""
        identifier, moment = headers["webhook-id"], headers["webhook-timestamp"]
        signed = f"{identifier}.{moment}.".encode() + body
        expected = "v1," + base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256)).decode()
        is_fresh = abs(time.time() - int(moment)) < OLDEST_S and identifier not in self.seen
        if not (is_fresh and hmac.compare_digest(expected, headers["webhook-signature"])):
            self.refused += 1
            return False
        self.seen.add(identifier)
        self.taken.append(msgspec.json.decode(body))
        return True


@contextmanager
def receiving(
    receiver: Receiver, wrap: Any = lambda socket: socket, scheme: str = "http", port: int = 0
) -> Iterator[int]:
    """Serve until the block ends; gives the port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path != "/hook?token=s3cret":
                receiver.other_calls.append(self.path)
            if receiver.silent.is_set():
                return
            is_good = receiver.status != 204 or receiver.take(self.headers, body)
            self.send_response(receiver.status if is_good else 401)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.socket = wrap(server.socket)
    with serving(server):
        receiver.url = f"{scheme}://name:passw0rd@127.0.0.1:{server.server_port}/hook?token=s3cret"
        yield server.server_port
