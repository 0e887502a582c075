"""`python -m bench peers`: our server and its peers on the same model and rows, one core each; are our bars reached?"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bench.experiments.peers.contenders import BATCH_ROWS, CONTENDERS
from bench.experiments.peers.cores import take_client_core
from bench.experiments.peers.errors import PeersError
from bench.experiments.peers.lineup import LAUNCHES
from bench.experiments.peers.model import share_model
from bench.experiments.peers.report import THROUGHPUT_FILE, print_report, read_report, write_page, write_plot
from bench.experiments.peers.run import Comparison, Plan, Stage
from fraud.command import EXIT_ERROR, print_error
from fraud.settings import load_settings

FOLDER: Final = "peers"
"""Below the run folder: environments, servers' folders, results."""

# Progress: standard output has the tables and nothing else.
_console = Console(stderr=True)

T = TypeVar("T")


def peers(
    *,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds in which every contender has a window.")] = 5,
    seconds: Annotated[int, typer.Option(min=1, help="Load in each window, whole seconds.")] = 2,
    latency_seconds: Annotated[float, typer.Option(min=0.1, help="Load at a fixed rate, in each round.")] = 8.0,
    memory_minutes: Annotated[float, typer.Option(min=0.0, help="Load with large batches; 0 leaves it out.")] = 0.0,
    stage: Annotated[list[Stage] | None, typer.Option(help="Only this stage; repeatable.")] = None,
    server: Annotated[list[str] | None, typer.Option(help=f"Only these of {', '.join(LAUNCHES)}.")] = None,
    rows: Annotated[list[int] | None, typer.Option(help=f"Only these batch sizes of {BATCH_ROWS}.")] = None,
    model: Annotated[
        Path | None, typer.Option(help="XGBoost classifier to serve; default: 100 trees are made.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Measure nothing; report the last measurement.")] = False,
    json_folder: Annotated[Path | None, typer.Option("--json", help="Also copy every figure to this folder.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Also draw the throughput into this PNG file.")] = None,
    results: Annotated[Path | None, typer.Option(help="Also write the report to this Markdown file.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of rows and orders.")] = 1,
) -> None:
    """Measure our server, MLServer, MLflow, BentoML, mosec and the original's way side by side, and report."""
    folder = load_settings().run_dir / FOLDER
    faults: list[str] = []
    if not show:
        plan = Plan(
            servers=_chosen(server, tuple(LAUNCHES), "--server"),
            sizes=_chosen(rows, BATCH_ROWS, "--rows"),
            stages=_stages(stage, memory_minutes),
            rounds=rounds,
            seconds=seconds,
            latency_seconds=latency_seconds,
            memory_minutes=memory_minutes,
            seed=seed,
        )
        faults = _measure(plan, model, folder)
    _report(folder / "results", json_folder, plot, results)
    for fault in faults:
        print_error(fault)
    if faults:
        sys.exit(EXIT_ERROR)


def _stages(chosen: list[Stage] | None, memory_minutes: float) -> frozenset[Stage]:
    if chosen:
        if Stage.MEMORY in chosen and not memory_minutes:
            raise PeersError("--stage memory: say for how long with --memory-minutes, for instance 10")
        return frozenset(chosen)
    every = {Stage.THROUGHPUT, Stage.LATENCY}
    return frozenset(every | {Stage.MEMORY} if memory_minutes else every)


def _chosen(values: Collection[T] | None, known: tuple[T, ...], option: str) -> tuple[T, ...]:
    unknown = set(values or ()) - set(known)
    if unknown:
        raise PeersError(f"{option} {unknown.pop()}: expected one of {', '.join(map(str, known))}")
    return tuple(value for value in known if not values or value in values)


def _measure(plan: Plan, model: Path | None, folder: Path) -> list[str]:
    take_client_core()
    shared = share_model(model, folder / "model")
    cells = sum(
        len(set(contender.batch_rows) & set(plan.sizes)) for contender in CONTENDERS if contender.server in plan.servers
    )
    windows = plan.rounds * (
        (cells if Stage.THROUGHPUT in plan.stages else 0) + (2 if Stage.LATENCY in plan.stages else 0)
    )
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
    )
    # Refreshed on request: a drawing thread would share the core, and the lock, with the client.
    with Progress(*columns, console=_console, transient=True, auto_refresh=False) as progress:
        task = progress.add_task("preparing", total=windows)

        def tell(what: str, finished: int) -> None:
            progress.update(task, description=what, advance=finished, refresh=True)

        comparison = Comparison(plan, shared, folder, tell)
        comparison.run()
    return comparison.faults


def _report(folder: Path, json_folder: Path | None, plot: Path | None, results: Path | None) -> None:
    report = read_report(folder)
    if not any(report.stages()):
        raise PeersError(f"nothing was measured yet, {folder} has no results: run without --show first")
    print_report(report)
    if json_folder is not None:
        shutil.copytree(folder, json_folder, dirs_exist_ok=True)
    if plot is not None:
        if report.throughput is None:
            raise PeersError(f"--plot: no throughput was measured yet ({THROUGHPUT_FILE} is not in {folder})")
        write_plot(report.throughput, plot)
    if results is not None:
        write_page(report, results)
