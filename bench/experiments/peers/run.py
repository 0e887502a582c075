"""The stages of a comparison, one after the other over the same running servers; what a stage finds is kept at once."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bench.experiments.peers import contenders, latency, memory
from bench.experiments.peers.contenders import CONTENDERS
from bench.experiments.peers.errors import PeersError
from bench.experiments.peers.lineup import ENVIRONMENTS, Lineup, make_environments
from bench.experiments.peers.machine import Machine, describe_machine
from bench.experiments.peers.measurements import Latency, LatencyRun, Memory, Throughput, Window, write_stage
from bench.experiments.peers.model import SharedModel
from bench.experiments.peers.report import LATENCY_FILE, MEMORY_FILE, THROUGHPUT_FILE
from bench.experiments.peers.throughput import Arena, Cell
from bench.experiments.peers.wrk import find_wrk
from fraud.stack.errors import StackError

Progress = Callable[[str, int], None]
"""Told what is done next, and how many windows were finished since the last call."""


class Stage(StrEnum):
    """What can be measured."""

    THROUGHPUT = "throughput"
    LATENCY = "latency"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure, and for how long."""

    servers: tuple[str, ...]
    sizes: tuple[int, ...]
    stages: frozenset[Stage]
    rounds: int
    seconds: float
    latency_seconds: float
    memory_minutes: float
    seed: int

    def servers_needed(self) -> tuple[str, ...]:
        """Those that a planned stage asks."""
        if Stage.THROUGHPUT in self.stages:
            return self.servers
        pair = (contenders.OURS, contenders.MLSERVER) if Stage.LATENCY in self.stages else (contenders.OURS,)
        return tuple(server for server in self.servers if server in pair)


class Comparison:
    """One run of a plan; every file of a finished stage or round is in `results`."""

    def __init__(self, plan: Plan, model: SharedModel, folder: Path, progress: Progress) -> None:
        self._plan = plan
        self._model = model
        self._folder = folder
        self._results = folder / "results"
        self._results.mkdir(parents=True, exist_ok=True)
        self._progress = progress
        self.faults: list[str] = []
        """Who could not take part, and why."""

    def run(self) -> None:
        """Run the planned stages.

        Raises:
            PeersError: wrk is missing, an environment can't be made, or what was answered is not on record.
            StackError: our own server does not start.
        """
        plan = self._plan
        wrk = find_wrk()
        names = plan.servers_needed()
        pythons = make_environments(names, self._folder, lambda what: self._progress(what, 0))
        machine = describe_machine({ENVIRONMENTS[name]: path for name, path in pythons.items() if name in ENVIRONMENTS})
        with (
            Lineup(self._folder, self._model) as lineup,
            tempfile.TemporaryDirectory(prefix="peers-requests-") as requests,
        ):
            self._start(lineup, pythons)
            arena = Arena(lineup, wrk, plan.seed)
            if Stage.THROUGHPUT in plan.stages:
                self._throughput(arena, self._cells(arena, lineup, plan.sizes, Path(requests)), machine)
            if Stage.LATENCY in plan.stages:
                self._latency(arena, lineup, self._cells(arena, lineup, (latency.ROWS,), Path(requests)), machine)
            if Stage.MEMORY in plan.stages:
                self._memory(arena, lineup, self._cells(arena, lineup, (memory.ROWS,), Path(requests)), machine)

    def _start(self, lineup: Lineup, pythons: dict[str, Path]) -> None:
        for name, python in pythons.items():
            self._progress(f"starting {name}", 0)
            try:
                lineup.start(name, python)
            except (PeersError, StackError) as error:
                if name == contenders.OURS:
                    raise
                self.faults.append(str(error))

    def _cells(self, arena: Arena, lineup: Lineup, sizes: Sequence[int], requests: Path) -> list[Cell]:
        self._progress("checking answers, warming up", 0)
        running = [contender for contender in CONTENDERS if contender.server in lineup.servers]
        cells = arena.prepare(running, sizes, self._model, requests, self._plan.seed)
        self._take_faults(arena)
        return cells

    def _take_faults(self, arena: Arena) -> None:
        self.faults += arena.faults
        arena.faults.clear()

    def _throughput(self, arena: Arena, cells: Sequence[Cell], machine: Machine) -> None:
        windows: list[Window] = []
        for number in range(self._plan.rounds):
            for window in arena.round(number, cells, self._plan.seconds, lambda what: self._progress(what, 0)):
                windows.append(window)
                self._progress(f"round {number + 1}", 1)
            self._take_faults(arena)
            stage = Throughput(self._model.title, machine, number + 1, self._plan.seconds, windows, self.faults)
            write_stage(stage, self._results / THROUGHPUT_FILE)

    def _latency(self, arena: Arena, lineup: Lineup, cells: Sequence[Cell], machine: Machine) -> None:
        pair = latency.pair(cells)
        rate_per_s = latency.half_of_maximum(arena, pair, self._plan.seconds)
        runs: list[LatencyRun] = []
        for number in range(self._plan.rounds):
            seed = self._plan.seed
            seconds = self._plan.latency_seconds
            for run in latency.latency_round(
                lineup, pair, number=number, rate_per_s=rate_per_s, seconds=seconds, seed=seed
            ):
                runs.append(run)
                self._progress(f"latency at {rate_per_s:.0f} requests/s", 1)
        stage = Latency(self._model.title, machine, rate_per_s, latency.ROWS, self._plan.latency_seconds, runs)
        write_stage(stage, self._results / LATENCY_FILE)

    def _memory(self, arena: Arena, lineup: Lineup, cells: Sequence[Cell], machine: Machine) -> None:
        own = [cell for cell in cells if cell.contender.name in memory.FORMS]
        minutes = self._plan.memory_minutes
        trace = memory.trace_memory(arena, lineup, own, minutes, lambda what: self._progress(what, 0))
        stage = Memory(
            model=self._model.title,
            machine=machine,
            minutes=minutes,
            rows=memory.ROWS,
            requests=trace.requests,
            failures=trace.failures,
            resident_bytes=trace.resident_bytes,
        )
        write_stage(stage, self._results / MEMORY_FILE)
