"""The most that a model could reach: average precision of the true probabilities, which only the generator knows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from fraud.statistics.average_precision import average_precision
from fraud.statistics.ranking import rank
from fraud.verdict import Verdict
from train.dataset import Dataset
from train.replay.commands import Commands
from train.replay.errors import ReplayError
from train.replay.months import next_month

TRUTH_FILE: Final = "truth.npz"


def ceilings(commands: Commands, dataset: Dataset, months: Sequence[dt.date], folder: Path) -> list[float | None]:
    """Of each month; None for all where the applications were not generated: then nobody knows.

    Raises:
        ReplayError: the generator fails, or its rows are not those of the table.
    """
    path = folder / TRUTH_FILE
    status = commands.run("truth", "initdb", "truth", str(path), accepted=(0, Verdict.INCONCLUSIVE.exit_status))
    if status != 0:
        return [None] * len(months)
    with np.load(path, allow_pickle=False) as truth:
        labels, probabilities = truth["labels"], truth["probabilities"]
    # The table may have been read up to the last month only.
    if not np.array_equal(labels[: dataset.y.size], dataset.y):
        raise ReplayError(
            "the generator's labels are not those of the table: `python -m initdb --force` loads it again"
        )
    found: list[float | None] = []
    for first in months:
        begin, end = np.searchsorted(dataset.dates, np.array([first, next_month(first)], "datetime64[D]"))
        month = dataset.y[begin:end]
        both = month.size > 0 and month.min() != month.max()
        found.append(average_precision(rank(month, probabilities[begin:end].astype(np.float32))) if both else None)
    return found
