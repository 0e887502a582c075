"""A service that runs as a child process: started with a log of its own, awaited until it answers, stopped by id."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from fraud.stack.errors import StackError

POLL_INTERVAL_S: Final = 0.1
PROBE_TIMEOUT_S: Final = 2.0
PR_SET_PDEATHSIG: Final = 1
LOG_TAIL_LINES: Final = 15


def end_with_parent() -> None:
    """In the new process: ask the kernel for a SIGTERM when the parent dies, even by SIGKILL (prctl(2))."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


class Child:
    """One child process, in a session of its own so that a Ctrl-C reaches it only through `stop`."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        log_path: Path,
        folder: Path | None = None,
    ) -> None:
        """Start it, in the folder given or in ours."""
        self.name = name
        self.log_path = log_path
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **environment},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent,  # noqa: PLW1509 - no other thread runs when services are started
            )

    @property
    def pid(self) -> int:
        """Process id, which is the id of its process group too."""
        return self._process.pid

    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process.poll() is None

    def wait(self) -> int:
        """Return the exit status, once it has ended by itself."""
        return self._process.wait()

    def terminate(self) -> None:
        """Ask the process to end; return at once."""
        self._process.terminate()

    def check(self) -> None:
        """Raise a StackError, with the end of the log, when the process has ended."""
        if not self.is_running():
            raise StackError(f"{self.name} ended with status {self._process.returncode}{self._log_tail()}")

    def wait_until_answers(self, url: str, timeout_s: float) -> None:
        """Return as soon as a GET of `url` gives 200.

        Raises:
            StackError: the process ended, or did not answer in time; with the end of its log.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self.check()
            if _answers(url):
                return
            time.sleep(POLL_INTERVAL_S)
        raise StackError(f"{self.name} did not answer at {url} within {timeout_s:.0f} s{self._log_tail()}")

    def stop(self, timeout_s: float) -> None:
        """End the process and those it started: politely first, by force after `timeout_s`."""
        if self.is_running():
            self._process.terminate()
            try:
                self._process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self._kill_group()
        self._process.wait()
        self._kill_group()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _log_tail(self) -> str:
        lines = self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return f"; the end of {self.log_path}:\n" + "\n".join(lines)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=PROBE_TIMEOUT_S) as answer:  # noqa: S310 - our own http address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
