"""The process that loads the servers, from the gate's side."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec

from bench.gate.errors import MEASURE_AGAIN, GateError
from bench.gate.latency.load_plan import LoadPlan, RequestKind, WindowPlan, WindowSamples

LEAD_S: Final = 0.5
"""From one window's end to the next one's start: time to draw fresh bodies and to connect."""


class LoadProcess:
    """A process whose users send every kind of request."""

    def __init__(self, process: subprocess.Popen[bytes], kinds: tuple[RequestKind, ...], api_key: str) -> None:
        self._process = process
        self._kinds = kinds
        self._api_key = api_key

    def run(self, urls: Sequence[str], window_s: float) -> list[WindowSamples]:
        """Load the servers one after the other, each for one window.

        Raises:
            GateError: the load process has ended.
        """
        start_s = time.monotonic() + LEAD_S
        windows = tuple(
            WindowPlan(url, start_s + number * (window_s + LEAD_S), window_s) for number, url in enumerate(urls)
        )
        _write_line(self._process, msgspec.json.encode(LoadPlan(windows, self._kinds, self._api_key)))
        return msgspec.json.decode(_read_line(self._process), type=list[WindowSamples])


@contextmanager
def load_process(kinds: tuple[RequestKind, ...], api_key: str, seed: int) -> Iterator[LoadProcess]:
    """Start a load process with random bodies; it ends with the block."""
    command = [sys.executable, "-m", "bench.gate.latency.load", str(seed)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        _read_line(process)
        yield LoadProcess(process, kinds, api_key)
    finally:
        process.kill()
        process.communicate()


def _write_line(process: subprocess.Popen[bytes], line: bytes) -> None:
    assert process.stdin is not None  # noqa: S101 - opened as a pipe
    try:
        process.stdin.write(line + b"\n")
        process.stdin.flush()
    except BrokenPipeError:
        raise _ended() from None


def _read_line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None  # noqa: S101 - opened as a pipe
    line = process.stdout.readline()
    if not line.endswith(b"\n"):
        raise _ended()
    return line


def _ended() -> GateError:
    return GateError(f"the load process has ended; its own message is above: {MEASURE_AGAIN}")
