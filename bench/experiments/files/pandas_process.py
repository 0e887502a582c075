"""`python -m bench.experiments.files.pandas_process MODEL INPUT OUTPUT`: a file scored as people do it by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from xgboost import Booster, DMatrix

from fraud.command_line import CommandLine


def main(
    model: Annotated[Path, typer.Argument(help="XGBoost's own file of the model.")],
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="CSV or Parquet file of applications.")],
    target: Annotated[Path, typer.Argument(metavar="OUTPUT", help="File of the probabilities, in the same format.")],
) -> None:
    """Read the whole file, predict with XGBoost on all cores, write a column of probabilities."""
    booster = Booster(model_file=model)
    is_csv = source.suffix == ".csv"
    rows = pd.read_csv(source) if is_csv else pd.read_parquet(source)
    names = list(rows.columns)
    answers = pd.DataFrame({"probability": booster.predict(DMatrix(rows.to_numpy("float32"), nthread=-1))})
    if len(names) != booster.num_features():
        raise SystemExit(f"{source} has {len(names)} columns: expected {booster.num_features()}")
    if is_csv:
        answers.to_csv(target, index=False)
    else:
        answers.to_parquet(target)


if __name__ == "__main__":
    CommandLine(main)()
