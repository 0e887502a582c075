"""Reverse proxies before a server: real processes with folders and ports of their own."""

from __future__ import annotations

import socket
import string
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from fraud.stack.ports import hold_port
from tests.live_stack import wait_until

HERE: Final = Path(__file__).parent
START_S: Final = 30.0


@dataclass(frozen=True)
class Proxy:
    """Its addresses, by what it does there: `default`, and what else its configuration has."""

    urls: dict[str, str]


@contextmanager
def proxy(command: Sequence[str], template: str, folder: Path, server_url: str, *places: str) -> Iterator[Proxy]:
    """A proxy that runs until the end of the block; `command` takes the path of its configuration as the last word."""
    ports = {place: hold_port() for place in places}
    values = {f"{place}_port": str(port) for place, port in ports.items()}
    values |= {"folder": str(folder), "server_port": str(httpx.URL(server_url).port)}
    configuration = folder / template
    configuration.write_text(string.Template((HERE / template).read_text()).substitute(values))
    output = folder / "output"
    with output.open("wb") as log:
        process = subprocess.Popen([*command, str(configuration)], cwd=folder, stdout=log, stderr=subprocess.STDOUT)

    def listens() -> bool:
        assert process.poll() is None, output.read_text()
        with suppress(ConnectionRefusedError):
            for port in ports.values():
                socket.create_connection(("127.0.0.1", port), timeout=START_S).close()
            return True
        return False

    try:
        wait_until(listens, START_S, "the proxy listens")
        yield Proxy({place: f"http://127.0.0.1:{port}" for place, port in ports.items()})
    finally:
        process.terminate()
        process.wait(START_S)
