"""A service as a child process: started with its own log, awaited until it answers, stopped by id."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import json
import os
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

from fraud.environment import without_libpq_variables
from fraud.stack.activity import ProgressWatch, work_of
from fraud.stack.errors import StackError

POLL_INTERVAL_S: Final = 0.1
PROBE_TIMEOUT_S: Final = 2.0
PR_SET_PDEATHSIG: Final = 1
LOG_TAIL_LINES: Final = 15
LOG_TAIL_BYTES: Final = 64 * 1024
STANDSTILL_LIMIT_S: Final = 120.0
"""A start that makes no progress for this time is given up."""

_libc: Final = ctypes.CDLL(None, use_errno=True)

Tell = Callable[[str], None]
"""Gets the progress, to show it to a person."""


def end_with_parent(by: signal.Signals = signal.SIGTERM) -> None:
    """In the new process: ask the kernel for a signal when the parent dies, even by SIGKILL (prctl(2))."""
    _libc.prctl(PR_SET_PDEATHSIG, by)


def nothing(_: str = "") -> None:
    """Ignores progress."""


class Child:
    """One child process, in a session of its own so that a Ctrl-C reaches it only through `stop`."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        log_path: Path,
        folder: Path | None = None,
        *,
        stop_signal: signal.Signals = signal.SIGTERM,
        before_start: Callable[[], None] = nothing,
    ) -> None:
        """Start it, in the folder given or in ours.

        Args:
            name: what messages call it.
            command: program and arguments.
            environment: variables beside our own ones.
            log_path: where its output is appended.
            folder: its working folder.
            stop_signal: what asks it to end, also when we die.
            before_start: called in the new process, before it becomes the program.
        """

        def prepare() -> None:
            before_start()
            end_with_parent(stop_signal)  # last: a change of user would cancel it

        self.name = name
        self.log_path = log_path
        self._stop_signal = stop_signal
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with log_path.open("ab") as log:
            self._log_begin = log.tell()
            self._process = subprocess.Popen(
                command,
                env={**without_libpq_variables(os.environ), **environment},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=prepare,  # noqa: PLW1509 - no other thread runs when services are started
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
        self._process.send_signal(self._stop_signal)

    def check(self) -> None:
        """Raise a StackError, with the end of the log, when the process has ended."""
        if not self.is_running():
            raise StackError(f"{self.name} ended with status {self._process.returncode}{self._log_tail()}")

    def wait_until_answers(self, url: str, standstill_s: float = STANDSTILL_LIMIT_S, tell: Tell = nothing) -> None:
        """Return as soon as a GET of `url` returns 200; like `wait_until`."""
        self.wait_until(lambda: _answers(url), f"answer at {url}", standstill_s, tell)

    def wait_until(
        self, condition: Callable[[], bool], what: str, standstill_s: float = STANDSTILL_LIMIT_S, tell: Tell = nothing
    ) -> None:
        """Return once the condition holds; wait as long as the process makes progress.

        Args:
            condition: what is waited for.
            what: the same in words, after "did not".
            standstill_s: how long the process may make no progress.
            tell: gets what the process is doing.

        Raises:
            StackError: the process ended, or made no progress for too long; with the end of its log.
        """
        watch = ProgressWatch(lambda: work_of(self.pid, self.log_path), standstill_s)
        started = time.monotonic()
        while not condition():
            self.check()
            if watch.stands_still():
                raise StackError(
                    f"{self.name} did not {what} and has made no progress for {standstill_s:.0f} s{self._log_tail()}"
                )
            tell(f"Waiting for {self.name}, {time.monotonic() - started:.0f} s so far ... {self._last_event()}")
            time.sleep(POLL_INTERVAL_S)

    def stop(self, timeout_s: float) -> None:
        """End the process and its children: by a signal first, by force after `timeout_s`."""
        if self.is_running():
            self.terminate()
            try:
                self._process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self._kill_group()
        self._process.wait()
        self._kill_group()

    def output_end(self) -> str:
        """What the process has written so far, or the end of it where that is much."""
        return "\n".join(self._log_lines())

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _log_lines(self) -> list[str]:
        """The last lines of what this process has written, not of what one before it has."""
        with self.log_path.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_begin, end - LOG_TAIL_BYTES))
            return log.read().decode(errors="replace").splitlines()

    def _last_event(self) -> str:
        """The last log line, in short; lines in JSON name what happened in `event`."""
        line = next((line for line in reversed(self._log_lines()) if line.strip()), "")
        with contextlib.suppress(ValueError, TypeError):
            line = json.loads(line).get("event", "")
        return str(line)[:100]

    def _log_tail(self) -> str:
        return f"; the end of {self.log_path}:\n" + "\n".join(self._log_lines()[-LOG_TAIL_LINES:])


@functools.cache
def _own_server() -> urllib.request.OpenerDirector:
    """Asks a server that we started ourselves: by no proxy, and whoever certifies it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the request holds nothing, and its answer is "I am there"
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a GET brought."""

    status: int
    body: bytes


def ask(url: str) -> Answer | None:
    """GET a page of a server of ours; None while it does not answer."""
    try:
        with _own_server().open(url, timeout=PROBE_TIMEOUT_S) as answer:
            return Answer(answer.status, answer.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.read())
    except OSError:
        return None


def _answers(url: str) -> bool:
    answer = ask(url)
    return answer is not None and answer.status == HTTPStatus.OK
