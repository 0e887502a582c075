"""The balancers of the documentation, with the names and ports of a test in the place of theirs."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fraud.stack.ports import hold_port
from tests.live_stack import wait_until
from tests.required_tools import need_program
from tests.several_servers.fleet import FleetServer

EXAMPLES: Final = Path(__file__).parents[2] / "docs" / "balancers"
START_S: Final = 60.0
NGINX_AROUND: Final = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/client_body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{example}
}}
"""
"""What a site has around the example."""


@dataclass(frozen=True)
class Haproxy:
    """A HAProxy that runs, and its admin socket."""

    url: str
    admin: Path

    def set_state(self, number: int, state: str) -> None:
        """`drain` or `ready`, of one server."""
        assert self._command(f"set server scoring/scoring-{number} state {state}").strip() == ""

    def requests_at(self, number: int) -> int:
        """How many requests a server works on."""
        stat = self._command("show stat").splitlines()
        names = stat[0].removeprefix("# ").split(",")
        rows = (dict(zip(names, line.split(","), strict=False)) for line in stat[1:] if line)
        return next(int(row["scur"]) for row in rows if row["svname"] == f"scoring-{number}")

    def _command(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.admin))
            connection.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


@contextmanager
def haproxy(servers: list[FleetServer], folder: Path) -> Iterator[Haproxy]:
    """HAProxy by its example."""
    program = need_program("haproxy", package="haproxy")
    port, admin = hold_port(), folder / "admin.sock"
    text = _with_servers((EXAMPLES / "haproxy.cfg").read_text(), servers)
    text = text.replace("/run/haproxy/admin.sock", str(admin)).replace("bind :8080", f"bind 127.0.0.1:{port}")
    with _running([program, "-f"], text, folder, port):
        yield Haproxy(f"http://127.0.0.1:{port}", admin)


@contextmanager
def nginx(servers: list[FleetServer], folder: Path) -> Iterator[str]:
    """Address of an nginx by its example."""
    program = need_program("nginx", package="nginx")
    port = hold_port()
    text = _with_servers((EXAMPLES / "nginx.conf").read_text(), servers)
    text = text.replace("listen 8080", f"listen 127.0.0.1:{port}")
    with _running([program, "-p", str(folder), "-c"], NGINX_AROUND.format(folder=folder, example=text), folder, port):
        yield f"http://127.0.0.1:{port}"


def _with_servers(text: str, servers: list[FleetServer]) -> str:
    for number, server in enumerate(servers):
        assert f" scoring-{number}:8000" in text
        text = text.replace(f" scoring-{number}:8000", f" 127.0.0.1:{server.port}")
    assert ":8000" not in text
    return text


@contextmanager
def _running(command: list[str], configuration: str, folder: Path, port: int) -> Iterator[None]:
    path, output = folder / "configuration", folder / "output"
    path.write_text(configuration)
    with output.open("wb") as log:
        process = subprocess.Popen([*command, str(path)], cwd=folder, stdout=log, stderr=subprocess.STDOUT)

    def listens() -> bool:
        assert process.poll() is None, output.read_text()
        with suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=START_S).close()
            return True
        return False

    try:
        wait_until(listens, START_S, "the balancer listens")
        yield
    finally:
        process.terminate()
        process.wait(START_S)
