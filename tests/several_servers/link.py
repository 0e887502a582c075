"""The way between two parties, which a test cuts, mends and slows down."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Final

PIECE_BYTES: Final = 64 * 1024


class Link:
    """A port of this machine that leads to another one, as long as the link is whole."""

    def __init__(self, target_port: int, *, as_target: bool = False) -> None:
        """`as_target` says to the target that its own port was asked for, whichever the client names as its Host."""
        self._target_port = target_port
        self._as_target = as_target
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._is_cut = False
        self.delay_s = 0.0
        """How long each piece of data takes."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """What clients connect to."""
        port: int = self._listener.getsockname()[1]
        return port

    def cut(self) -> None:
        """End what is open, and let nothing through."""
        with self._lock:
            self._is_cut = True
            for end in self._open:
                _end(end)
            self._open.clear()

    def mend(self) -> None:
        """Let new connections through again."""
        with self._lock:
            self._is_cut = False

    def close(self) -> None:
        """Cut it for ever."""
        self.cut()
        _end(self._listener)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target_port))
            except OSError:
                _end(client)
                continue
            with self._lock:
                if self._is_cut:
                    _end(client)
                    _end(server)
                    continue
                self._open |= {client, server}
            threading.Thread(target=self._pump, args=(client, server), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        names = f"127.0.0.1:{self.port}".encode(), f"127.0.0.1:{self._target_port}".encode()
        with suppress(OSError):
            while piece := source.recv(PIECE_BYTES):
                time.sleep(self.delay_s)
                sink.sendall(piece.replace(*names) if self._as_target else piece)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


def _end(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
