"""What a stage of the comparison measured, as it is kept in JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from bench.peers.cores import Usage
from bench.peers.machine import Machine


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
