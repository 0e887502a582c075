"""A long run over all decoders, one after the other, each in a process that may die."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

from tests.serve.fuzz.tally import MEGABYTE, SharedTally, Tally

GROWTH_MAX_BYTES = 96 * MEGABYTE
"""More than libFuzzer's own corpus takes, and less than a leak of a hundred bytes an input makes of a million."""
MOST_DEATHS = 5
POLL_S = 0.2

ShowInputs = Callable[[str, int], None]
"""Told the decoder and how many inputs it has had."""


@dataclass(frozen=True)
class Result:
    """What came of one decoder."""

    name: str
    tally: Tally
    deaths: int
    """Times that it brought its process down, or hung."""

    @property
    def faults(self) -> int:
        return self.tally.faults + self.deaths + (self.tally.growth_bytes > GROWTH_MAX_BYTES)


def run_guided(name: str, inputs: int, seed: int, folder: Path, show: ShowInputs) -> Result:
    """Fuzz one decoder; where it dies, go on in a new process with another seed."""
    (folder / "faults").mkdir(parents=True, exist_ok=True)
    whole = Tally()
    deaths = 0
    while whole.inputs < inputs and deaths <= MOST_DEATHS:
        command = ("--name", name, "--inputs", str(inputs - whole.inputs), "--seed", str(seed + deaths))
        status, part = _run_process(command, folder, partial(_show_more, show, name, whole.inputs))
        whole = _sum(whole, part)
        deaths += status != 0
        if status == 0 and part.inputs == 0:
            break
    return Result(name, whole, deaths)


def _show_more(show: ShowInputs, name: str, before: int, inputs: int) -> None:
    show(name, before + inputs)


def _run_process(command: Sequence[str], folder: Path, show: Callable[[int], None]) -> tuple[int, Tally]:
    with tempfile.TemporaryDirectory(dir=folder) as scratch, (folder / "libfuzzer.log").open("ab") as output:
        path = Path(scratch) / "tally"
        shared = SharedTally(path)
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.serve.fuzz.guided", *command, "--folder", str(folder), "--tally", str(path)],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            while process.poll() is None:
                show(shared.read().inputs)
                time.sleep(POLL_S)
        finally:
            process.kill()
            process.wait()
            show(shared.read().inputs)
        return process.returncode, shared.read()


def _sum(one: Tally, other: Tally) -> Tally:
    added = {field.name: getattr(one, field.name) + getattr(other, field.name) for field in fields(Tally)}
    return Tally(**{**added, "slowest_ns": max(one.slowest_ns, other.slowest_ns)})
