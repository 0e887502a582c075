"""`python -m bench files`: how quickly are files scored, beside XGBoost with pandas?"""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.experiments.engines.models import SIZES, make_models
from bench.experiments.engines.race import Ratio
from bench.experiments.files.contest import OURS, PANDAS, Series, contest, our_command, pandas_command
from fraud.settings import load_settings
from serve.engine import read_model
from serve.model.model_store import Manifest, model_store

EXTENSIONS: Final = (".parquet", ".csv")


def files(
    rows: Annotated[int, typer.Option(min=1_000, help="Rows of a file.")] = 5_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of each format, both sides in each.")] = 5,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write every time to this file.")] = None,
) -> None:
    """Score Parquet and CSV files of fresh rows by a model of 100 trees of depth 3: ours and pandas in turns."""
    settings = load_settings()
    with tempfile.TemporaryDirectory() as name, Progress(transient=True, console=Console(stderr=True)) as progress:
        folder = Path(name)
        task = progress.add_task("training", total=len(EXTENSIONS))
        commands = {OURS: our_command(), PANDAS: pandas_command(_make_model(folder, settings.model_name))}
        compiled = str(settings.compiled_folder().resolve())
        environment = {"RUN_DIR": str(folder / "run"), "COMPILED_DIR": compiled, "MLFLOW_TRACKING_URI": ""}
        found = []
        for extension in EXTENSIONS:
            progress.update(task, description=extension)
            found.append(contest(commands, extension, rows, rounds, folder=folder, environment=environment))
            progress.advance(task)
    _print(found)
    if json_file is not None:
        json_file.write_text(json.dumps([_as_dict(series) for series in found], indent=2) + "\n")


def _make_model(folder: Path, model_name: str) -> Path:
    """Keep a model in a store of its own; gives the file from which XGBoost loads it."""
    (model,) = make_models(folder, SIZES[:1])
    file = read_model(model.path)
    store = model_store(folder / "run", model_name)
    store.add(Manifest(model_name, 1, file.sha256, dt.date(2026, 1, 1)), lambda: file.content)
    store.make_current(1)
    booster = folder / "model.ubj"
    model.booster.save_model(booster)
    return booster


def _print(found: list[Series]) -> None:
    table = Table("format", "ours, rows/s", "pandas, rows/s", "pandas / ours", "with the start")
    for column in table.columns[1:]:
        column.justify = "right"
    for series in found:
        whole, beyond_start = series.ratios()
        rates = (f"{series.rows_per_s(name):,.0f}" for name in (OURS, PANDAS))
        table.add_row(series.extension, *rates, _told(beyond_start), _told(whole))
    Console().print(table)


def _told(ratio: Ratio) -> str:
    return f"{ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"


def _as_dict(series: Series) -> dict[str, object]:
    return {
        "format": series.extension,
        "rows": series.rows,
        "whole_s": series.whole,
        "beyond_start_s": series.beyond_start,
    }
