"""A relay between our parts and MLflow: it passes everything on, or fails as a registry or a network may."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import urlsplit

LOOPBACK: Final = "127.0.0.1"
ARTIFACTS: Final = "/mlflow-artifacts/artifacts/"
_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host"})
"""Headers between neighbours, which are not passed on (RFC 9110, 7.6.1), and those that are rewritten."""


class RelayFault(Enum):
    """How the registry fails."""

    NONE = "none"
    ANSWERS_500 = "answers 500"
    CUTS_DOWNLOADS = "cuts downloads"
    """Of an artifact half comes, and then the connection's end."""


class RegistryRelay:
    """An HTTP relay on a port of its own; `fault` may be set at any time."""

    def __init__(self, mlflow_port: int) -> None:
        self.mlflow_port = mlflow_port
        self.fault = RelayFault.NONE
        relay = self

        class Handler(_Handler):
            def answer(self) -> None:
                self.pass_on(relay)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - as http.server has it

        self._server = _Server((LOOPBACK, 0), Handler)

    def before(self, uri: str) -> str:
        """The address by which what is at `uri` is reached through here."""
        return urlsplit(uri)._replace(netloc=f"{LOOPBACK}:{self._server.server_port}").geturl()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Relay as long as the block lasts."""
        thread = threading.Thread(target=self._server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()


class _Server(ThreadingHTTPServer):
    """A thread a connection; one that MLflow leaves hanging keeps nobody from an end."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients break off when they are killed, or when MLflow takes too long for them."""


class _Handler(BaseHTTPRequestHandler):
    """One request after the other on one connection."""

    protocol_version = "HTTP/1.1"

    def pass_on(self, relay: RegistryRelay) -> None:
        """Ask MLflow what was asked here, and answer the same."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if relay.fault is RelayFault.ANSWERS_500:
            self._send(500, [], b"")
            return
        connection = http.client.HTTPConnection(LOOPBACK, relay.mlflow_port)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        try:
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            self.close_connection = True  # as MLflow has done, or has never been there
            return
        finally:
            connection.close()
        is_cut = relay.fault is RelayFault.CUTS_DOWNLOADS and self.command == "GET" and ARTIFACTS in self.path
        self._send(answer.status, answer.getheaders(), content, sent=len(content) // 2 if is_cut else None)

    def _send(self, status: int, headers: list[tuple[str, str]], content: bytes, sent: int | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:sent])
        self.close_connection |= sent is not None

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""
