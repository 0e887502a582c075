"""Reasons side by side: our tables, compiled and by NumPy, XGBoost's `pred_contribs` and shap, one thread each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table
from xgboost import Booster, DMatrix

from bench.experiments.engines.models import BenchModel, Size, make_models
from bench.experiments.engines.race import Cell, Race, Score, ratio_of
from bench.experiments.engines.report import XGBOOST, Bar, bar_table, show
from bench.experiments.engines.shap_process import shap_process
from bench.experiments.peers.errors import PeersError
from convert.source import Matrix
from serve.engine import EngineKind, EngineOptions, load, read_model
from serve.engine.contributions import load_contributions

SIZES: Final = (Size("reference", 80, 4), Size("deep", 80, 6))
BATCH_ROWS: Final = (1, 100, 1_000)

TABLES: Final = "tables"
SERVED: Final = "tables and score"
NUMPY: Final = "tables, NumPy"
SHAP: Final = "shap"

LIMIT_ROWS: Final = 1_000
LIMIT_S: Final = 0.015
"""For a number of rows of the reference model, scored and explained on one core."""


def contribution_cells(
    folder: Path, race: Race, seconds: float, advance: Callable[[str], None], *, sizes: Sequence[Size] = SIZES
) -> Iterator[Cell]:
    """The times of every size and batch; shap's environment is made below `folder`, or left out with a line why."""
    for model in make_models(folder, sizes, explain=True):
        with ExitStack() as stack:
            contenders = _contenders(model, folder, stack)
            for rows in BATCH_ROWS:
                advance(f"{model.size.title}, reasons of {rows:,} rows")
                yield Cell(model.size.name, 1, rows, race.run(contenders, rows, seconds))


def print_contributions(cells: Sequence[Cell], *, sizes: Sequence[Size] = SIZES) -> None:
    """Times, ratios and the bar."""
    console = Console(width=150)
    for size in sizes:
        own = [cell for cell in cells if cell.model == size.name]
        if own:
            console.print(_times(f"Reasons, {size.title}, one thread, us/row and ratios of times [10%-90%]", own))
    console.print(bar_table(list(contribution_bars(cells)), "Bars of reasons"))


def contribution_bars(cells: Sequence[Cell]) -> Iterator[Bar]:
    """What the project promises of reasons, with what was measured."""
    for cell in cells:
        if (cell.model, cell.rows) == (SIZES[0].name, LIMIT_ROWS):
            ratio = ratio_of(cell.seconds[SERVED], [LIMIT_S] * len(cell.seconds[SERVED]))
            yield Bar(f"{cell.rows:,} rows scored with reasons / {LIMIT_S * 1e3:g} ms", ratio, 1.0, lower=True)


def _contenders(model: BenchModel, folder: Path, stack: ExitStack) -> dict[str, Score]:
    if model.contributions is None:
        raise RuntimeError(f"{model.size.title}: there are no tables of contributions")
    file = read_model(model.path)
    compiled = EngineOptions(kind=EngineKind.FOREST)
    engine = load(file, compiled)
    stack.callback(engine.close)
    tables = load_contributions(model.contributions, file, compiled)
    booster = model.booster.copy()
    booster.set_param("nthread", 1)

    def served(x: Matrix) -> object:
        return engine.score(x), tables.effects(x)

    found: dict[str, Score] = {
        TABLES: tables.effects,
        SERVED: served,
        NUMPY: load_contributions(model.contributions, file).effects,
        XGBOOST: lambda x: _by_xgboost(booster, x),
    }
    try:
        found[SHAP] = stack.enter_context(shap_process(booster, folder / "shap")).effects
    except PeersError as error:
        Console(stderr=True).print(f"shap is left out: {error}")
    return found


def _by_xgboost(booster: Booster, x: Matrix) -> object:
    return booster.predict(DMatrix(x, nthread=1), pred_contribs=True, validate_features=False)


def _times(title: str, cells: Sequence[Cell]) -> Table:
    names = [name for name in (TABLES, SERVED, NUMPY, XGBOOST, SHAP) if all(name in cell.seconds for cell in cells)]
    peers = [name for name in (XGBOOST, SHAP) if name in names]
    table = Table("rows", *names, *(f"{peer} / {TABLES}" for peer in peers), "rounds", title=title)
    for column in table.columns:
        column.justify = "right"
    for cell in cells:
        ratios = [show(cell.ratio(peer, TABLES)) for peer in peers]
        times = [f"{cell.us_per_row(name):.3f}" for name in names]
        table.add_row(f"{cell.rows:,}", *times, *ratios, str(len(cell.seconds[TABLES])))
    return table
