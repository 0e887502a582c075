"""`python -m bench.experiments.scale.training_process ROWS`: train on ROWS rows; prints seconds and peak bytes.

The recipe is given: a search fits 16 times as often on each of four folds, and grows as one fit does. Rows are written
to disk first, as `train.dataset.load_dataset` has them.
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from typing import Annotated, Final

import msgspec
import numpy as np
import psutil
import typer

from bench.experiments.site.watching import watching
from bench.experiments.soak.memory import private_bytes
from fraud.command_line import CommandLine
from fraud.cores import usable_cores
from fraud.features import FEATURE_COUNT
from serve.engine.sample_rows import ordinary_rows
from train.array_file import ArrayFile, slices
from train.dataset import Dataset
from train.recipe import Recipe
from train.training import train_recipe

RECIPE: Final = Recipe(4, 100, 0.1, 0.8, 20.0, 365.0)
DAYS: Final = 1_000
SEED: Final = 7


class Trained(msgspec.Struct, frozen=True):
    """What a training took."""

    seconds: float
    peak_bytes: int
    """Of private memory beyond what the process had before; files that are mapped are not in it."""


def applications(rows: int) -> Dataset:
    """So many on disk, of about 8% positives."""
    generator = np.random.default_rng(SEED)
    x, y = ArrayFile(np.float32, FEATURE_COUNT), ArrayFile(np.int8)
    for part in slices(rows):
        drawn = ordinary_rows(part.stop - part.start, generator)
        scaled = (drawn[:, 3] - drawn[:, 3].mean()) / drawn[:, 3].std()
        x.append(drawn)
        y.append(generator.random(len(drawn)) < 1 / (1 + np.exp(2.8 + 0.9 * scaled)))
    days = np.arange(rows) * DAYS // rows
    return Dataset(x.mapped(), y.mapped(), np.datetime64("2023-01-01") + days.astype("timedelta64[D]"))


def main(rows: Annotated[int, typer.Argument(min=1_000, help="Applications to train on.")]) -> None:
    """Train on this number of generated applications, and print seconds and peak memory as JSON."""
    dataset = applications(rows)
    process = psutil.Process()
    before = private_bytes(process)
    seen = [before]
    began_s = time.perf_counter()
    with watching(lambda: seen.append(private_bytes(process))):
        train_recipe(RECIPE, dataset, dt.date(2030, 1, 1), seed=SEED, threads=usable_cores())
    seconds = time.perf_counter() - began_s
    seen.append(private_bytes(process))
    sys.stdout.buffer.write(msgspec.json.encode(Trained(seconds, max(1, max(seen) - before))))


if __name__ == "__main__":
    CommandLine(main)()
