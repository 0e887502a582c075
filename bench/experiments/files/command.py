"""`python -m bench files`: how quickly are files scored, beside XGBoost with pandas, with polars and in Ray Data?"""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.experiments.engines.models import SIZES, make_models
from bench.experiments.engines.race import Ratio
from bench.experiments.files.contenders import OURS, PEERS, TITLES, make_commands
from bench.experiments.files.contest import Series, contest
from fraud.settings import Settings, load_settings
from serve.engine import read_model
from serve.model.model_store import Manifest, model_store

EXTENSIONS: Final = (".parquet", ".csv")
FOLDER: Final = "peers"
"""Below the run folder: environments, which `python -m bench peers` keeps there too."""


def files(
    rows: Annotated[int, typer.Option(min=1_000, help="Rows of a file.")] = 5_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of each format, all sides in each.")] = 5,
    peer: Annotated[list[str] | None, typer.Option(help=f"Compare only with these of {', '.join(PEERS)}.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write every time to this file.")] = None,
) -> None:
    """Score Parquet and CSV files of fresh rows by a model of 100 trees of depth 3: ours and its peers in turns."""
    chosen = _chosen(peer)
    settings = load_settings()
    with tempfile.TemporaryDirectory() as name, Progress(transient=True, console=Console(stderr=True)) as progress:
        folder = Path(name)
        task = progress.add_task("training", total=len(EXTENSIONS))
        booster = make_model(folder, settings.model_name)
        commands = make_commands(
            chosen,
            booster,
            settings.run_dir.resolve() / FOLDER,
            lambda what: progress.update(task, description=what),
        )
        environment = scoring_environment(folder, settings)
        found = []
        for extension in EXTENSIONS:
            progress.update(task, description=extension)
            found.append(contest(commands, extension, rows, rounds, folder=folder, environment=environment))
            progress.advance(task)
    _print(found, chosen)
    if json_file is not None:
        json_file.write_text(json.dumps([_as_dict(series) for series in found], indent=2) + "\n")


def _chosen(peers: Sequence[str] | None) -> list[str]:
    unknown = [name for name in peers or () if name not in PEERS]
    if unknown:
        raise typer.BadParameter(f"--peer {unknown[0]}: expected one of {', '.join(PEERS)}")
    return [name for name in PEERS if name in (peers or PEERS)]


def make_model(folder: Path, model_name: str) -> Path:
    """Put a model into a separate store; returns the file from which XGBoost loads it."""
    (model,) = make_models(folder, SIZES[:1])
    file = read_model(model.path)
    store = model_store(folder / "run", model_name)
    store.add(Manifest(model_name, 1, file.sha256, dt.date(2026, 1, 1)), lambda: file.content)
    store.make_current(1)
    booster = folder / "model.ubj"
    model.booster.save_model(booster)
    return booster


def scoring_environment(folder: Path, settings: Settings) -> dict[str, str]:
    """The environment of `serve.batch`: the model of `folder`, and the code that is already compiled."""
    compiled = str(settings.compiled_folder().resolve())
    return {"RUN_DIR": str(folder / "run"), "COMPILED_DIR": compiled, "MLFLOW_TRACKING_URI": ""}


def _print(found: Sequence[Series], peers: Sequence[str]) -> None:
    table = Table("format", "by", "rows/s", "times ours", "with the start")
    for column in table.columns[2:]:
        column.justify = "right"
    for series in found:
        table.add_row(series.extension, TITLES[OURS], f"{series.rows_per_s(OURS):,.0f}", "", "")
        for name in peers:
            whole, beyond_start = series.ratios(name)
            table.add_row("", TITLES[name], f"{series.rows_per_s(name):,.0f}", _told(beyond_start), _told(whole))
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
