"""Curves that need no server: the engine by trees and depth, training, files, the drift check."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from bench.experiments.engines.models import Size, make_models
from bench.experiments.engines.race import Race
from bench.experiments.scale.commands import run_module
from bench.experiments.scale.curve import Curve
from bench.experiments.scale.sizes import Sizes
from bench.experiments.scale.training_process import Trained
from bench.experiments.soak.judge import MIB
from fraud.cores import usable_cores
from serve.engine import EngineKind, EngineOptions, load, read_model

ENGINE_ROWS: Final = 10_000
"""Of a call."""
DEPTH: Final = 3
TREES: Final = 100
SEED: Final = 5


def engine_curves(sizes: Sizes, folder: Path) -> Iterator[Curve]:
    """Rows/s of the engine alone on all cores, by the number of trees and by their depth."""
    by_trees = [Size(f"trees-{trees}", trees, DEPTH) for trees in sizes.trees]
    by_depth = [Size(f"depth-{depth}", TREES, depth) for depth in sizes.depths]
    found = {model.name: _rows_per_s(path, sizes.engine_s) for model, path in _models(folder, by_trees + by_depth)}
    rate = "rows/s"
    for name, title, label, models, x in (
        ("trees", f"engine by trees of depth {DEPTH}", "trees", by_trees, sizes.trees),
        ("depth", f"engine by depth of {TREES} trees", "depth", by_depth, sizes.depths),
    ):
        yield Curve(name, title, label, rate, tuple(map(float, x)), tuple(found[one.name] for one in models))


def _models(folder: Path, sizes: list[Size]) -> Iterator[tuple[Size, Path]]:
    for model in make_models(folder, sizes):
        yield model.size, model.path


def _rows_per_s(path: Path, budget_s: float) -> float:
    with closing(load(read_model(path), EngineOptions(threads=usable_cores(), kind=EngineKind.AUTO))) as engine:
        seconds = Race(SEED).run({"engine": engine.score}, ENGINE_ROWS, budget_s)["engine"]
    return ENGINE_ROWS / float(np.median(seconds))


def training_curves(sizes: Sizes, folder: Path) -> Iterator[Curve]:
    """Seconds and memory of a training with a given recipe, by rows."""
    environment = {**os.environ, "TMPDIR": str(folder)}
    found = [
        msgspec.json.decode(
            run_module("bench.experiments.scale.training_process", rows, environment=environment), type=Trained
        )
        for rows in sizes.training_rows
    ]
    x = tuple(map(float, sizes.training_rows))
    yield Curve("training_s", "training by rows", "rows", "seconds", x, tuple(one.seconds for one in found))
    memory = tuple(one.peak_bytes / MIB for one in found)
    yield Curve("training_memory", "memory of training by rows", "rows", "MiB beyond the start", x, memory)


def file_curves(sizes: Sizes, folder: Path) -> Iterator[Curve]:
    """Rows/s of a Parquet file, by workers."""
    figures = folder / "workers.json"
    given = (
        "--engine",
        "processes",
        "--max",
        sizes.file_workers,
        "--rows",
        sizes.file_rows,
        "--rounds",
        sizes.file_rounds,
    )
    run_module("bench", "workers", *given, "--json", figures)
    times = json.loads(figures.read_text(encoding="utf-8"))["beyond_start_s"]
    workers = range(1, sizes.file_workers + 1)
    rates = tuple(sizes.file_rows / float(np.median(times[f"processes {count}"])) for count in workers)
    yield Curve("files", "a Parquet file by workers", "workers", "rows/s", tuple(map(float, workers)), rates)


def drift_curves(sizes: Sizes, folder: Path) -> Iterator[Curve]:
    """Seconds of a drift check, and of counting the whole log again, by logged applications."""
    figures = folder / "drift.json"
    module = "jenkins.drift.evaluation.cost"
    run_module(
        *(module, "--largest", sizes.drift_rows, "--most-rows", 0, "--folder", folder, "--json", figures),
    )
    costs = json.loads(figures.read_text(encoding="utf-8"))
    for name, title, way in (
        ("drift_check", "drift check by logged rows", "roll-up"),
        ("drift_counts", "counting the log anew", "width_bucket pass"),
    ):
        by_size = {float(size): cost["seconds"] for size, cost in costs[way].items()}
        yield Curve(name, title, "logged rows", "seconds", tuple(by_size), tuple(by_size.values()))
