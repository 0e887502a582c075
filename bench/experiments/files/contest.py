"""Times ways of scoring a file in turns: each round has fresh rows, in a file of a few and a file of many.

The time for a few rows is the start; the additional time for many rows is the rows' own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
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
from bench.experiments.files.contenders import OURS
from bench.experiments.files.errors import ContestError
from fraud.features import FEATURE_NAMES
from serve.engine.sample_rows import ordinary_rows

FEW_ROWS: Final = 1_000
GROUP_ROWS: Final = 250_000

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

    def ratios(self, peer: str) -> tuple[Ratio, Ratio]:
        """How many times as long a peer takes: the whole command, and without the start."""
        beyond_start = ratio_of(self.beyond_start[peer], self.beyond_start[OURS])
        return ratio_of(self.whole[peer], self.whole[OURS]), beyond_start


def contest(
    commands: Commands, extension: str, rows: int, rounds: int, *, folder: Path, environment: Mapping[str, str]
) -> Series:
    """Have all score the same fresh rows, in a new order each round.

    Raises:
        ContestError: one can't, or has not scored all rows.
    """
    generator = np.random.default_rng()
    whole: dict[str, list[float]] = {name: [] for name in commands}
    beyond_start: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        few = _write(FEW_ROWS, folder / f"few{extension}", generator)
        many = _write(FEW_ROWS + rows, folder / f"many{extension}", generator)
        for name in generator.permutation(list(commands)).tolist():
            output = folder / f"out{extension}"
            start_s = _seconds(name, [*commands[name], str(few)], output, environment)
            whole_s = _seconds(name, [*commands[name], str(many)], output, environment)
            _refuse_others(name, output, FEW_ROWS + rows)
            whole[name].append(whole_s)
            beyond_start[name].append(max(whole_s - start_s, 1e-3))
    return Series(extension, rows, whole, beyond_start)


def _seconds(name: str, command: Sequence[str], output: Path, environment: Mapping[str, str]) -> float:
    if output.is_dir():
        shutil.rmtree(output)
    output.unlink(missing_ok=True)
    begun = time.perf_counter()
    # A folder of its own: no `.env` of whoever measures names a registry.
    done = subprocess.run(
        [*command, str(output)],
        check=False,
        env={**os.environ, **environment},
        cwd=output.parent,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise ContestError(f"{name} ended with status {done.returncode}: {done.stderr.strip()[-500:]}")
    return time.perf_counter() - begun


def _refuse_others(name: str, output: Path, rows: int) -> None:
    """Return if the output, a file or a folder of files, has `rows` answers."""
    files = sorted(output.glob(f"*{output.suffix}")) if output.is_dir() else [output]
    found = sum(_rows_of(file) for file in files)
    if found != rows:
        raise ContestError(f"{name} gave {found} answers to {rows} rows")


def _rows_of(file: Path) -> int:
    if file.suffix == ".parquet":
        return int(pq.read_metadata(file).num_rows)
    return int(pyarrow.csv.read_csv(file).num_rows)


def _write(rows: int, path: Path, generator: np.random.Generator) -> Path:
    values = ordinary_rows(rows, generator)
    table = pa.table({name: values[:, column] for column, name in enumerate(FEATURE_NAMES)})
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(table, path)
    else:
        pq.write_table(table, path, row_group_size=GROUP_ROWS)
    return path
