"""Listening sockets: one for each worker, all on the same port."""

from __future__ import annotations

import socket
from typing import Final

from fraud.errors import SettingsError

BACKLOG: Final = 2048
UNTAKEN_ANSWER_TIMEOUT_MS: Final = 30_000
"""A client that reads nothing of its answer for this time is disconnected; accepted connections inherit it from the
socket.
"""


def check_free(host: str, port: int) -> None:
    """Check that no other process listens there: the kernel would distribute connections among them and us.

    Raises:
        SettingsError: the address is in use, or not one of this machine's.
    """
    _bound(host, port, shared=False).close()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket that shares its port with the other workers'.

    The kernel distributes connections over the sockets evenly; with a single shared socket, one process can get up to
    70%. `proto` is set because asyncio sets TCP_NODELAY only on sockets created with IPPROTO_TCP, and without it an
    answer on a kept-alive connection can wait 40 ms (uvicorn#3149).

    Raises:
        SettingsError: the address is in use, or not one of this machine's.
    """
    listener = _bound(host, port, shared=True)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNTAKEN_ANSWER_TIMEOUT_MS)
    listener.listen(BACKLOG)
    return listener


def _bound(host: str, port: int, *, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        at = f"{host}, port {port}"
        raise SettingsError(f"can't listen on {at} ({error.strerror}): set SERVE_HOST, SERVE_PORT") from error
    return bound
