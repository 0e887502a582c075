"""Answers every request at once: `python -m bench.experiments.peers.services.responder PORT`."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final, cast

import typer
import uvloop

from fraud.command_line import CommandLine

_LENGTH: Final = b"content-length:"
_END: Final = b"\r\n\r\n"
_BODY: Final = b'{"probability":0.5}'
ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(_BODY),
    _BODY,
)


class Responder(asyncio.Protocol):
    """Counts a request's bytes and answers after the last; one request at a time on a connection."""

    def __init__(self) -> None:
        self._head = b""
        self._missing = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client."""
        # uvloop's transports are not of asyncio's class, but behave as it says.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request."""
        if self._missing:
            self._missing -= len(data)
        else:
            self._head += data
            head, end, body = self._head.partition(_END)
            if not end:
                return
            self._head = b""
            self._missing = _content_length(head) - len(body)
        if self._missing == 0:
            self._transport.write(ANSWER)


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(_LENGTH):
            return int(line[len(_LENGTH) :])
    return 0


async def respond(port: int) -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Responder, "127.0.0.1", port)
    await server.serve_forever()


def main(port: Annotated[int, typer.Argument(help="Port to listen on, on this machine.")]) -> None:
    """Answer every request at once with the same probability: the overhead of a measurement of servers."""
    uvloop.run(respond(port))


if __name__ == "__main__":
    CommandLine(main)()
