"""The processes that load the servers, from the gate's side."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

import msgspec

from bench.gate.errors import MEASURE_AGAIN, GateError
from bench.gate.latency.load_plan import LoadPlan, RequestKind, WindowPlan, WindowSamples

LEAD_S: Final = 0.5
"""From one window's end to the next one's start: time to draw fresh bodies and to connect."""


class LoadProcesses:
    """One or more load processes that share the users of every request kind among them."""

    def __init__(
        self, processes: Sequence[subprocess.Popen[bytes]], kinds: tuple[RequestKind, ...], api_key: str
    ) -> None:
        self._processes = processes
        self._kinds = kinds
        self._api_key = api_key

    def run(self, urls: Sequence[str], window_s: float) -> list[WindowSamples]:
        """Load the servers one after the other, each for one window.

        Raises:
            GateError: a load process has ended.
        """
        start_s = time.monotonic() + LEAD_S
        windows = tuple(
            WindowPlan(url, start_s + number * (window_s + LEAD_S), window_s) for number, url in enumerate(urls)
        )
        for number, process in enumerate(self._processes):
            plan = LoadPlan(windows, self._kinds, self._api_key, number, len(self._processes))
            _write_line(process, msgspec.json.encode(plan))
        first, *others = [
            msgspec.json.decode(_read_line(process), type=list[WindowSamples]) for process in self._processes
        ]
        for samples in others:
            for mine, theirs in zip(first, samples, strict=True):
                mine.add(theirs)
        return first


@contextmanager
def load_processes(count: int, kinds: tuple[RequestKind, ...], api_key: str, seed: int) -> Iterator[LoadProcesses]:
    """Start this number of load processes, each with random bodies of its own; they end with the block."""
    with ExitStack() as at_end:
        processes = [at_end.enter_context(_load_process(seed + number)) for number in range(count)]
        for process in processes:
            _read_line(process)
        yield LoadProcesses(processes, kinds, api_key)


@contextmanager
def _load_process(seed: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "bench.gate.latency.load", str(seed)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield process
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
    return GateError(f"a load process has ended; its own message is above: {MEASURE_AGAIN}")
