"""`python -m tests.train.capped_training WAY DSN MEGABYTES`: read and train with so much more memory than at the start.

It prints the average precision on the newest applications. The ways are `disk`, which is how the project trains, and
`memory`, which is how XGBoost is used where all rows fit. 0 megabytes: as many as it takes.
"""

from __future__ import annotations

import datetime as dt
import io
import resource
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from psycopg2 import sql
from pyarrow import csv
from xgboost import XGBClassifier

from fraud.command_line import CommandLine
from fraud.database import connect
from fraud.features import FEATURE_NAMES
from fraud.statistics.average_precision import average_precision
from fraud.statistics.ranking import rank
from tests.train.conftest import synthetic_dataset
from train.dataset import load_dataset
from train.fitting import probabilities
from train.recipe import Recipe

CUTOFF = dt.date(2030, 1, 1)
RECIPE = Recipe(4, 40, 0.2, 0.8, 1.0, 180.0)
SEED = 7
TEST_SHARE = 0.1


def from_disk(dsn: str) -> float:
    """As `python -m train` does."""
    dataset = load_dataset(dsn, CUTOFF)
    known = int((1 - TEST_SHARE) * dataset.y.size)
    pipeline = RECIPE.fit(dataset.part(slice(0, known)), SEED, 1)
    test = dataset.part(slice(known, None))
    return average_precision(rank(test.y, probabilities(pipeline, test.x)))


def in_memory(dsn: str) -> float:
    """All rows at once, at each step."""
    text = io.BytesIO()
    columns = ["Date", *FEATURE_NAMES, "Divorce"]
    statement = sql.SQL(
        'COPY (SELECT {} FROM divorce_predictions ORDER BY "Date", application_id COLLATE "C") TO STDOUT (FORMAT csv)'
    ).format(sql.SQL(", ").join(map(sql.Identifier, columns)))
    with connect(dsn, application_name="test") as connection, connection.cursor() as cursor:
        cursor.copy_expert(statement, text)
    text.seek(0)
    types = dict.fromkeys(FEATURE_NAMES, pa.float32()) | {"Date": pa.date32(), "Divorce": pa.int8()}
    table = csv.read_csv(
        text,
        read_options=csv.ReadOptions(column_names=columns),
        convert_options=csv.ConvertOptions(column_types=types),
    )
    x = np.column_stack([table[name].to_numpy() for name in FEATURE_NAMES])
    y = table["Divorce"].to_numpy()
    known = int((1 - TEST_SHARE) * y.size)
    dates: NDArray[np.datetime64] = table["Date"].to_numpy()[:known]
    ages = (dates[-1] - dates).astype("timedelta64[D]").astype(np.float64)
    model = XGBClassifier(n_estimators=RECIPE.trees, **RECIPE.parameters(SEED, 1))
    model.fit(x[:known], y[:known], sample_weight=np.asarray(0.5 ** (ages / RECIPE.half_life_days), np.float32))
    return average_precision(rank(y[known:], np.asarray(model.predict_proba(x[known:])[:, 1], np.float32)))


def cap(megabytes: int) -> None:
    """Let the process have so much more memory than it has, once all that it needs for any rows is there."""
    RECIPE.fit(synthetic_dataset(2_000, 20, 1), SEED, 1)
    held = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmData"))
    most = int(held.split()[1]) * 1024 + megabytes * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def main(way: str, dsn: str, megabytes: int) -> None:
    """Train on all applications of a database, and print the average precision."""
    if megabytes:
        cap(megabytes)
    sys.stdout.write(repr((from_disk if way == "disk" else in_memory)(dsn)))


if __name__ == "__main__":
    CommandLine(main)()
