"""Times two ways of scoring a file in turns: each round has fresh rows, in a file of a few and a file of many.

What both take for a few rows is their start; what they take longer for many is the rows'.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from bench.experiments.engines.race import Ratio, ratio_of
from fraud.features import FEATURE_NAMES
from serve.engine.sample_rows import ordinary_rows

FEW_ROWS: Final = 1_000
GROUP_ROWS: Final = 250_000
OURS: Final = "serve.batch"
PANDAS: Final = "XGBoost with pandas"

Commands = Mapping[str, Sequence[str]]
"""By name; the input and the output are added to each."""


@dataclass(frozen=True, slots=True)
class Series:
    """Seconds of each round, by name: of the whole command, and of it without its start."""

    extension: str
    rows: int
    whole: dict[str, list[float]]
    beyond_start: dict[str, list[float]]

    def rows_per_s(self, name: str) -> float:
        """Median, without the start."""
        return self.rows / float(np.median(self.beyond_start[name]))

    def ratios(self) -> tuple[Ratio, Ratio]:
        """How many times as long pandas takes: the whole command, and without the start."""
        beyond_start = ratio_of(self.beyond_start[PANDAS], self.beyond_start[OURS])
        return ratio_of(self.whole[PANDAS], self.whole[OURS]), beyond_start


def contest(
    commands: Commands, extension: str, rows: int, rounds: int, *, folder: Path, environment: Mapping[str, str]
) -> Series:
    """Have both score the same fresh rows, in a new order each round."""
    generator = np.random.default_rng()
    whole: dict[str, list[float]] = {name: [] for name in commands}
    beyond_start: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        few = _write(FEW_ROWS, folder / f"few{extension}", generator)
        many = _write(FEW_ROWS + rows, folder / f"many{extension}", generator)
        for name in generator.permutation(list(commands)).tolist():
            start_s = _seconds([*commands[name], str(few)], folder / f"out{extension}", environment)
            whole_s = _seconds([*commands[name], str(many)], folder / f"out{extension}", environment)
            whole[name].append(whole_s)
            beyond_start[name].append(max(whole_s - start_s, 1e-3))
    return Series(extension, rows, whole, beyond_start)


def our_command() -> list[str]:
    """Scores a file by what is in the local store."""
    return [sys.executable, "-m", "serve.batch"]


def pandas_command(model: Path) -> list[str]:
    """Scores a file by XGBoost with pandas."""
    return [sys.executable, "-m", "bench.experiments.files.pandas_process", str(model)]


def _seconds(command: Sequence[str], output: Path, environment: Mapping[str, str]) -> float:
    output.unlink(missing_ok=True)
    begun = time.perf_counter()
    # A folder of its own: no `.env` of whoever measures names a registry.
    subprocess.run(
        [*command, str(output)], check=True, env={**os.environ, **environment}, cwd=output.parent, capture_output=True
    )
    return time.perf_counter() - begun


def _write(rows: int, path: Path, generator: np.random.Generator) -> Path:
    values = ordinary_rows(rows, generator)
    table = pa.table({name: values[:, column] for column, name in enumerate(FEATURE_NAMES)})
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(table, path)
    else:
        pq.write_table(table, path, row_group_size=GROUP_ROWS)
    return path
