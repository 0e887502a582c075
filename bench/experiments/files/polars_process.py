"""Run by polars' environment, `python polars_process.py MODEL INPUT OUTPUT`: a file scored by XGBoost with polars."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import polars as pl
from xgboost import Booster, DMatrix


def main(model: Path, source: Path, target: Path) -> None:
    """Read the whole file, predict with XGBoost on all cores, write a column of probabilities."""
    booster = Booster(model_file=model)
    is_csv = source.suffix == ".csv"
    rows = pl.read_csv(source) if is_csv else pl.read_parquet(source)
    if rows.width != booster.num_features():
        raise SystemExit(f"{source} has {rows.width} columns: expected {booster.num_features()}")
    matrix = rows.to_numpy(order="c").astype(np.float32, copy=False)
    answers = pl.DataFrame({"probability": booster.predict(DMatrix(matrix, nthread=-1))})
    if is_csv:
        answers.write_csv(target)
    else:
        answers.write_parquet(target)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
