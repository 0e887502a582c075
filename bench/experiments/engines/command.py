"""`python -m bench engines`: which engine is fastest for which model and batch size; are our bars reached?"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import Progress

from bench.experiments.engines.contributions import contribution_bars, contribution_cells, print_contributions
from bench.experiments.engines.models import SIZES, BenchModel, make_models
from bench.experiments.engines.race import Cell, Race, Score
from bench.experiments.engines.report import (
    AUTO,
    FOREST,
    ONNXRUNTIME,
    XGBOOST,
    bars,
    print_report,
    write_json,
    write_plot,
)
from serve.engine import EngineKind, EngineOptions, load, read_model

BATCH_ROWS: Final = (1, 10, 100, 1_000, 10_000, 100_000)
THREADS: Final = (1, 2)

# Progress: standard output has the tables and nothing else.
_progress_console = Console(stderr=True)


def engines(
    seconds: Annotated[float, typer.Option(min=0.01, help="Time for each model, thread count and batch size.")] = 3.0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write every time to this file.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Also draw the times into this PNG file.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the rows.")] = 1,
) -> None:
    """Race our engines against ONNX Runtime and XGBoost: three models, batches of 1 to 100,000 fresh rows.

    Then race reasons against XGBoost and shap: two models, batches of 1 to 1,000 rows.
    """
    with tempfile.TemporaryDirectory() as folder, Progress(transient=True, console=_progress_console) as progress:
        race = Race(seed)
        cells = list(_cells(Path(folder), race, seconds, progress))
        reasons = list(_reasons(Path(folder), race, seconds, progress))
    print_report(cells)
    print_contributions(reasons)
    if json_file is not None:
        write_json(cells, reasons, [*bars(cells), *contribution_bars(reasons)], json_file)
    if plot is not None:
        write_plot(cells, plot)


def _cells(folder: Path, race: Race, seconds: float, progress: Progress) -> Iterator[Cell]:
    task = progress.add_task("training", total=len(SIZES) * len(THREADS) * len(BATCH_ROWS))
    for model in make_models(folder):
        with ExitStack() as stack:
            contenders = {threads: _contenders(model, threads, stack) for threads in THREADS}
            for rows in BATCH_ROWS:
                progress.update(task, description=f"{model.size.name}, {rows:,} rows")
                # All thread counts in one race: two threads are compared with one as well.
                both = {
                    f"{name} {threads}": score for threads in THREADS for name, score in contenders[threads].items()
                }
                taken = race.run(both, rows, seconds * len(THREADS))
                for threads in THREADS:
                    times = {name: taken[f"{name} {threads}"] for name in contenders[threads]}
                    yield Cell(model.size.name, threads, rows, times)
                progress.advance(task, len(THREADS))
        progress.update(task, description="training")


def _reasons(folder: Path, race: Race, seconds: float, progress: Progress) -> Iterator[Cell]:
    task = progress.add_task("training models to explain", total=None)
    yield from contribution_cells(
        folder, race, seconds, lambda description: progress.update(task, description=description)
    )


def _contenders(model: BenchModel, threads: int, stack: ExitStack) -> dict[str, Score]:
    kinds = {FOREST: EngineKind.FOREST, ONNXRUNTIME: EngineKind.ONNXRUNTIME, AUTO: EngineKind.AUTO}
    # A copy a number of threads: to set it again before each call would cost time that is not XGBoost's.
    booster = model.booster.copy()
    booster.set_param("nthread", threads)
    found: dict[str, Score] = {XGBOOST: partial(booster.inplace_predict, validate_features=False)}
    for name, kind in kinds.items():
        engine = stack.enter_context(closing(load(read_model(model.path), EngineOptions(threads=threads, kind=kind))))
        found[name] = engine.score
    return found
