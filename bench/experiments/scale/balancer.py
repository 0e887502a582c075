"""A HAProxy that passes each request to the next server in turn."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from bench.experiments.site.errors import SiteError
from bench.experiments.site.server import ScoringServer
from bench.experiments.site.site import START_TIMEOUT_S, Site
from fraud.stack.ports import hold_port

CONFIGURATION: Final = """
defaults
    mode http
    timeout connect 5s
    timeout client 75s
    timeout server 75s
listen scoring
    bind 127.0.0.1:{port}
    balance roundrobin
{servers}
"""


@contextmanager
def balanced(site: Site, servers: Sequence[ScoringServer], folder: Path) -> Iterator[str]:
    """Address of a balancer before the servers.

    Raises:
        SiteError: there is no HAProxy here, or it does not start.
    """
    program = shutil.which("haproxy")
    if program is None:
        raise SiteError("the curve of servers needs HAProxy: install the package haproxy, or leave out --only serving")
    port = hold_port()
    lines = "\n".join(f"    server s{number} 127.0.0.1:{one.port}" for number, one in enumerate(servers))
    path = folder / "haproxy.cfg"
    path.write_text(CONFIGURATION.format(port=port, servers=lines), encoding="utf-8")
    process = subprocess.Popen([program, "-f", str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def listens() -> bool:
        if process.poll() is not None:
            raise SiteError("HAProxy has ended")
        with suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=START_TIMEOUT_S).close()
            return True
        return False

    try:
        site.wait_until(listens, START_TIMEOUT_S, "the balancer listens")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
