"""wrk as the client of a closed loop: prepared requests, one thread, some connections that never pause."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from bench.experiments.peers.errors import PeersError

SCRIPT: Final = Path(__file__).with_name("wrk.lua")
ANSWER_TIMEOUT_S: Final = 60
GRACE_S: Final = 60.0
_MARK: Final = "summary "


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk counted; percentiles are those of the closed loop."""

    requests: int
    duration_us: int
    p50_us: int
    p99_us: int
    refused: int
    """Answers of status 400 and above."""
    broken: int
    """Connections that failed, and answers that never came."""

    @property
    def answered(self) -> int:
        """Requests that were answered as asked."""
        return self.requests - self.refused


def find_wrk() -> str:
    """The path of wrk.

    Raises:
        PeersError: it is not installed.
    """
    path = shutil.which("wrk")
    if path is None:
        raise PeersError("wrk is not installed: `apt-get install wrk`, or your system's package of that name")
    return path


def run_wrk(wrk: str, port: int, requests: Path, *, start: int, connections: int, seconds: float) -> Load:
    """Send the requests of a file in turn, from number `start` on, for whole `seconds`, at least one.

    Raises:
        PeersError: wrk failed.
    """
    command = [
        *(wrk, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", f"{ANSWER_TIMEOUT_S}s"),
        *("-s", str(SCRIPT), f"http://127.0.0.1:{port}", "--", str(requests), str(start)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + GRACE_S)
    if done.returncode != 0:
        raise PeersError(f"wrk ended with status {done.returncode}: {done.stderr.strip()[-300:]}")
    return parse_summary(done.stdout)


def parse_summary(output: str) -> Load:
    """The figures that `wrk.lua` prints after wrk's own report.

    Raises:
        PeersError: they are not there.
    """
    for line in reversed(output.splitlines()):
        if line.startswith(_MARK):
            return msgspec.json.decode(line.removeprefix(_MARK), type=Load)
    raise PeersError(f"wrk gave no summary: {output.strip()[-300:]!r}")
