"""What a stage of the comparison measured, as it is kept in JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from bench.experiments.peers.cores import Usage
from bench.experiments.peers.machine import Machine


class Window(msgspec.Struct, frozen=True):
    """One contender under closed-loop load for a few seconds."""

    round: int
    contender: str
    rows: int
    requests: int
    failures: int
    seconds: float
    """Until the last answer; with a prediction log until all of it is on record."""
    log_lag_s: float
    """What of that came after the last answer."""
    p50_ms: float
    p99_ms: float
    usage: Usage

    @property
    def counts(self) -> bool:
        """Whether a rate can be read from it: something was answered, and nothing failed."""
        return self.requests > 0 and not self.failures

    @property
    def requests_per_s(self) -> float:
        """The request that is being answered when the load ends counts half, which matters for slow servers only."""
        return (self.requests + 0.5) / self.seconds

    @property
    def rows_per_s(self) -> float:
        """Rows a second."""
        return self.requests_per_s * self.rows


class Throughput(msgspec.Struct, frozen=True):
    """The windows of all rounds that were finished."""

    model: str
    machine: Machine
    rounds: int
    seconds: float
    windows: list[Window]
    faults: list[str]


class LatencyRun(msgspec.Struct, frozen=True):
    """One contender at a fixed rate: milliseconds from each request's intended start to the end of its answer."""

    round: int
    contender: str
    latencies_ms: list[float]

    @property
    def p99_ms(self) -> float:
        """99th percentile."""
        return float(np.percentile(self.latencies_ms, 99))


class Latency(msgspec.Struct, frozen=True):
    """Two servers at the same fixed rate."""

    model: str
    machine: Machine
    rate_per_s: float
    rows: int
    seconds: float
    runs: list[LatencyRun]

    def p99_ms(self, contender: str) -> list[float]:
        """99th percentiles of a contender's runs, by round."""
        return [run.p99_ms for run in sorted(self.runs, key=lambda run: run.round) if run.contender == contender]


class Memory(msgspec.Struct, frozen=True):
    """Resident memory of our worker under large batches, one value a second."""

    model: str
    machine: Machine
    minutes: float
    rows: int
    requests: int
    failures: int
    resident_bytes: list[int]


Stage = TypeVar("Stage", bound=msgspec.Struct)


def write_stage(stage: msgspec.Struct, path: Path) -> None:
    """Replace the file as a whole."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(stage)) + b"\n")
    unfinished.replace(path)


def read_stage(path: Path, kind: type[Stage]) -> Stage | None:
    """What an earlier run left; None when there is nothing, or nothing that this version writes."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
