"""Run by Ray's environment, `python ray_process.py MODEL INPUT OUTPUT`: a file scored by XGBoost in Ray Data.

An actor a core holds the booster; OUTPUT is a folder of files, as Ray writes them.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from xgboost import Booster

# Read by Ray as it is imported. The token is of this run alone: none is kept in the user's folder.
os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
}
import ray

BATCH_ROWS = 65_536
STORE_BYTES = 2 * 1024**3
"""Of blocks that wait to be scored or written; Ray would reserve a third of the machine's memory."""

Columns = dict[str, NDArray[np.float32]]


class Scorer:
    """Has the booster."""

    def __init__(self, model: str) -> None:
        self._booster = Booster(model_file=model)
        self._booster.set_param("nthread", 1)

    def __call__(self, rows: Columns) -> Columns:
        """Probabilities of a batch."""
        if len(rows) != self._booster.num_features():
            raise ValueError(f"{len(rows)} columns: expected {self._booster.num_features()}")
        matrix = np.column_stack([column.astype(np.float32, copy=False) for column in rows.values()])
        return {"probability": self._booster.inplace_predict(matrix, validate_features=False)}


def start(cores: int, folder: str) -> None:
    """Start Ray on this machine, within the 15 s that it allows its own processes."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # each of a dozen processes would compile all of Ray again
    ray.init(
        "local",
        num_cpus=cores,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=STORE_BYTES,
        _node_ip_address="127.0.0.1",
        _temp_dir=folder,
    )


def main(model: Path, source: Path, target: Path) -> None:
    """Read the file in blocks, score them on all cores, write a column of probabilities."""
    cores = len(os.sched_getaffinity(0))
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    try:
        start(cores, folder)
        is_csv = source.suffix == ".csv"
        rows = ray.data.read_csv(str(source)) if is_csv else ray.data.read_parquet(str(source))
        answers = rows.map_batches(
            Scorer,
            fn_constructor_args=(str(model),),
            batch_size=BATCH_ROWS,
            batch_format="numpy",
            compute=ray.data.ActorPoolStrategy(size=cores),
            num_cpus=0.5,  # the other half is for those who read and write
        )
        if is_csv:
            answers.write_csv(str(target))
        else:
            answers.write_parquet(str(target))
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
