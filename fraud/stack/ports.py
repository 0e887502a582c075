"""TCP ports that are taken before the server that listens on them starts."""

from __future__ import annotations

import socket
from typing import Final

_held: Final[list[socket.socket]] = []


def hold_port(host: str = "127.0.0.1", port: int = 0) -> int:
    """Take a TCP port for a server that this process is about to start; the kernel picks one unless `port` names it.

    The port stays taken until this process ends: bound, but not listening. The kernel assigns such a port to no other
    program, so it can't be lost in the seconds until the server binds it. A server binds it all the same, because
    SO_REUSEADDR lets several sockets share an address as long as at most one of them listens (socket(7)).

    Returns:
        The number of the port.

    Raises:
        OSError: the address is in use, or is not one of this machine's.
    """
    held = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((host, port))
    except OSError:
        held.close()
        raise
    _held.append(held)
    number: int = held.getsockname()[1]
    return number
