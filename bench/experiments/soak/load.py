"""The load process, from the side of the soak test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench.experiments.site.errors import SiteError
from bench.experiments.soak.load_plan import Done, LoadPlan, Stretch
from bench.experiments.soak.samples import Samples


class LoadProcess:
    """Loads one server, a plan after the other."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, port: int, headers: dict[str, str]) -> None:
        self._process = process
        self._folder = folder
        self._port = port
        self._headers = headers

    def run(self, name: str, *stretches: Stretch) -> tuple[Samples, Done]:
        """Carry out stretches one after the other; their requests' ids begin with `name`.

        Raises:
            SiteError: the process has ended.
        """
        samples = self._folder / f"{name}.samples"
        plan = LoadPlan(self._port, name, self._headers, stretches, str(samples))
        assert self._process.stdin is not None  # noqa: S101 - opened as a pipe
        self._process.stdin.write(msgspec.json.encode(plan) + b"\n")
        self._process.stdin.flush()
        done = msgspec.json.decode(_read_line(self._process), type=Done)
        return Samples.read(samples), done


@contextmanager
def load_process(folder: Path, port: int, headers: dict[str, str], cores: Set[int], seed: int) -> Iterator[LoadProcess]:
    """A process that runs on these cores alone and ends with the block; its samples are kept in the folder."""
    command = [sys.executable, "-m", "bench.experiments.soak.load_process", str(seed)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        os.sched_setaffinity(process.pid, cores)
        _read_line(process)
        yield LoadProcess(process, folder, port, headers)
    finally:
        process.kill()
        process.communicate()


def _read_line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None  # noqa: S101 - opened as a pipe
    line = process.stdout.readline()
    if not line.endswith(b"\n"):
        raise SiteError("the load process has ended; its own message is above")
    return line
