"""A model in a store, files of applications, and runs over them."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fraud.features import FEATURE_NAMES
from serve.batch.formats import FORMATS, Kind, extension_of
from serve.batch.inputs import input_files
from serve.batch.run import Order, Result, run
from serve.batch.work_folder import Output
from serve.batch.worker import ModelChoice
from serve.engine import EngineKind, EngineOptions
from serve.model.model_store import Manifest, model_store
from serve.scoring.asks import Asks
from tests.convert.small_models import applications, convert_small, fit
from tests.live_stack import project_environment

Matrix = NDArray[np.float32]
NAME = "divorce-model"
VERSION = 4
ROOT = Path(__file__).parents[3]


def make_model(
    run_dir: Path, version: int = VERSION, *, explained: bool = True, base_score: float = 0.3
) -> ModelChoice:
    """What loads a small model that is kept in a store below `run_dir`, and is what was served last."""
    converted = convert_small(fit(base_score=base_score))
    tables = converted.contributions or b""
    tables_sha256 = hashlib.sha256(tables).hexdigest() if explained else None
    store = model_store(run_dir, NAME)
    manifest = Manifest(NAME, version, converted.sha256, dt.date(2026, 5, 1), tables_sha256)
    store.add(manifest, lambda: converted.model, lambda: tables)
    store.make_current(version)
    return ModelChoice(run_dir, NAME, EngineOptions(kind=EngineKind.ONNXRUNTIME))


def good_rows(count: int, seed: int = 0) -> Matrix:
    """Applications without missing values."""
    return np.nan_to_num(applications(count, seed=seed), nan=4.0)


def table_of(rows: Matrix, ids: Sequence[str | None] | None = None) -> pa.Table:
    """As columns, with ids where there are some."""
    columns = {name: pa.array(rows[:, place].astype(np.float64)) for place, name in enumerate(FEATURE_NAMES)}
    return pa.table(columns if ids is None else {"application_id": pa.array(ids, pa.string()), **columns})


def write_table(table: pa.Table, path: Path, group_rows: int = 1_000) -> Path:
    """A file of the format that its name says."""
    extension = extension_of(path.name)
    assert extension is not None
    file_format = FORMATS[extension]
    if file_format.kind is Kind.PARQUET:
        pq.write_table(table, path, row_group_size=group_rows)
    elif file_format.kind is Kind.ARROW:
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table, group_rows)
    else:
        with pa.output_stream(path, compression=file_format.compression or None) as sink:
            pyarrow.csv.write_csv(table, sink)
    return path


def read_table(path: Path) -> pa.Table:
    """What a file of answers holds."""
    if path.suffix == ".parquet":
        return pq.read_table(path)
    if path.suffix == ".arrow":
        return pa.ipc.open_file(path).read_all()
    types = {"probability": pa.float32(), "application_id": pa.string()}
    options = pyarrow.csv.ConvertOptions(column_types=types, strings_can_be_null=True)
    return pyarrow.csv.read_csv(path, convert_options=options)


def bits(table: pa.Table) -> list[int]:
    """The probabilities as they lie in memory."""
    values: list[int] = table["probability"].to_numpy().astype(np.float32).view(np.uint32).tolist()
    return values


class Told:
    """How far a run says that it is."""

    def __init__(self) -> None:
        self.skipped = self.rows = 0

    def skip(self, size: int) -> None:
        self.skipped += 1

    def add(self, size: int, rows: int) -> None:
        self.rows += rows


def score(
    model: ModelChoice,
    inputs: Sequence[object],
    output: object,
    *,
    asks: Asks | None = None,
    version: int | None = None,
    workers: int = 1,
    told: Told | None = None,
) -> Result:
    """A run in this process."""
    files = input_files([str(text) for text in inputs])
    target = Output.of(str(output), "parquet")
    order = Order(files, target, model, version, asks or Asks(report=True), workers=workers)
    return run(order, None, told or Told())


def batch_command(
    run_dir: Path, *arguments: object, module: Sequence[str] = ("serve.batch",), **settings: str
) -> subprocess.Popen[str]:
    """`python -m serve.batch` as a process of its own."""
    variables = {"RUN_DIR": str(run_dir), "ENGINE": "onnxruntime", **settings}
    return subprocess.Popen(
        [sys.executable, "-m", *module, *map(str, arguments)],
        env=project_environment(**variables, PYTHONPATH=os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])),
        cwd=run_dir,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
