"""Messages between the supervisor and workers, over one socket pair for each worker.

A change of model has two phases, so that all workers change or none: all workers prepare (load and check the new
version beside the old one), and once all are prepared, all commit, which can't fail.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Final

import msgspec

MAX_MESSAGE_BYTES: Final = 64 * 1024


class Prepare(msgspec.Struct, frozen=True, tag=True):
    """To a worker: load this version beside the active one."""

    version: int


class Commit(msgspec.Struct, frozen=True, tag=True):
    """To a worker: make the prepared version active."""

    version: int


class Abandon(msgspec.Struct, frozen=True, tag=True):
    """To a worker, or from a worker to the supervisor: drop the prepared version."""

    version: int


class ChangeRequested(msgspec.Struct, frozen=True, tag=True):
    """To the supervisor: a verified copy of this version is in the local store; serve it in all workers."""

    version: int


class PrepareRequested(msgspec.Struct, frozen=True, tag=True):
    """To the supervisor: prepare this version in every worker, but change nothing yet."""

    version: int


class ChangeFinished(msgspec.Struct, frozen=True, tag=True):
    """To the requesting worker: every worker serves the version, or has prepared it; or, with an error, every worker
    kept the old one, and none has a prepared one.
    """

    version: int
    error: str | None = None


class Done(msgspec.Struct, frozen=True, tag=True):
    """To the supervisor: the last `Prepare` or `Commit` is done; or, with an error, it failed."""

    error: str | None = None


ToWorker = Prepare | Commit | Abandon | ChangeFinished
ToSupervisor = ChangeRequested | PrepareRequested | Abandon | Done


class Channel:
    """One end of a socket pair; whole messages, in order."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._socket = end

    async def send(self, message: ToWorker | ToSupervisor) -> None:
        """Send a message; messages to a process that has ended are lost."""
        try:
            await asyncio.get_running_loop().sock_sendall(self._socket, msgspec.json.encode(message))
        except (BrokenPipeError, ConnectionResetError):
            return

    async def receive(self) -> ToWorker | ToSupervisor | None:
        """The next message; None if the other process has ended."""
        try:
            data = await asyncio.get_running_loop().sock_recv(self._socket, MAX_MESSAGE_BYTES)
        except ConnectionResetError:
            return None
        return msgspec.json.decode(data, type=ToWorker | ToSupervisor) if data else None

    def close(self) -> None:
        """Close this end; the other end reads None."""
        self._socket.close()


def channel_pair() -> tuple[Channel, socket.socket]:
    """The supervisor's end, and the end that a worker inherits. Message boundaries are preserved."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return Channel(ours), theirs
