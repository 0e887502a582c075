"""`make fuzz`: a million hostile inputs to every decoder and to the server's socket, and a table of what came of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from fraud.command_line import CommandLine
from fraud.progress import ShowStep, steps_on
from fraud.verdict import Verdict
from tests.serve.fuzz.campaign import Result, run_guided
from tests.serve.fuzz.lonely_server import lonely_server
from tests.serve.fuzz.tally import MEGABYTE, Tally
from tests.serve.fuzz.targets import targets
from tests.serve.fuzz.wire_fuzz import CHECK_EVERY, ServerFault, WireFuzzer

WIRE = "HTTP over a socket"
WIRE_SHARE = 0.04
"""Of all inputs: a connection each, so they take longer than those of a decoder."""


def main(
    inputs: Annotated[int, typer.Option(min=1000, help="Inputs in all.")] = 1_000_000,
    seed: Annotated[int, typer.Option(min=1, help="Of all randomness.")] = 1,
    folder: Annotated[Path, typer.Option(help="For faults, corpus and logs.")] = Path(".run/fuzz"),
    only: Annotated[str, typer.Option(help="Only decoders whose name has this in it.")] = "",
) -> None:
    """Fuzz; exit status 0 when every input was read or refused, 10 when one showed a fault."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    names = [name for name in (*targets(folder / "compiled"), WIRE) if only in name]
    over_wire = int(inputs * WIRE_SHARE) if WIRE in names else 0
    of_each = -(-(inputs - over_wire) // max(1, len(names) - (WIRE in names)))
    columns = TextColumn("{task.description:<30}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        show = steps_on(bar)
        results = [
            _fuzz_wire(over_wire, seed, folder, show)
            if name == WIRE
            else run_guided(name, of_each, seed, folder, lambda step, done: show(step, done, of_each))
            for name in names
        ]
    _print(results)
    faults = sum(result.faults for result in results)
    if faults:
        sys.stdout.write(f"{faults} faults: inputs and stories are in {folder / 'faults'}\n")
    sys.exit((Verdict.FAIL if faults else Verdict.PASS).exit_status)


def _fuzz_wire(inputs: int, seed: int, folder: Path, show: ShowStep) -> Result:
    tally = Tally()
    show(WIRE, 0, inputs)
    with lonely_server(folder) as (url, worker):
        fuzzer = WireFuzzer(url, seed)
        for number in range(1, inputs + 1):
            try:
                fuzzer.send_one()
                if number % CHECK_EVERY == 0 or number == inputs:
                    fuzzer.check_alive()
            except ServerFault as fault:
                tally.faults += 1
                (folder / "faults" / f"wire-{seed}-{number}.txt").write_text(str(fault))
            if number == inputs // 10:
                tally.warm_bytes = worker.memory_info().rss
            if number % CHECK_EVERY == 0:
                show(WIRE, number, inputs)
        tally.last_bytes = _memory_of(worker)
    tally.inputs = inputs
    tally.accepted = sum(times for status, times in fuzzer.answers.items() if 100 <= status < 400)
    tally.refused = sum(fuzzer.answers.values()) - tally.accepted
    tally.slowest_ns = int(fuzzer.slowest_s * 1e9)
    return Result(WIRE, tally, deaths=0)


def _memory_of(worker: psutil.Process) -> int:
    resident: int = worker.memory_info().rss
    return resident


def _print(results: list[Result]) -> None:
    table = Table("decoder", *(("inputs", "accepted", "refused", "faults", "slowest ms", "memory growth MB")))
    for column in table.columns[1:]:
        column.justify = "right"
    for result in results:
        tally = result.tally
        counts = (tally.inputs, tally.accepted, tally.refused, result.faults)
        slowest, growth = tally.slowest_ns / 1e6, tally.growth_bytes / MEGABYTE
        table.add_row(result.name, *(f"{count:,}" for count in counts), f"{slowest:.1f}", f"{growth:.1f}")
    table.add_section()
    whole = [sum(getattr(result.tally, name) for result in results) for name in ("inputs", "accepted", "refused")]
    table.add_row("all", *(f"{count:,}" for count in (*whole, sum(result.faults for result in results))))
    Console(width=110).print(table)


if __name__ == "__main__":
    CommandLine(main)()
