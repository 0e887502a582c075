"""What a model is worth in the month that follows its gate: average precision on applications nobody had seen yet."""

from __future__ import annotations

import datetime as dt
from contextlib import closing
from pathlib import Path

import numpy as np

from fraud.registry import MODEL_FILE, Registry
from fraud.statistics.average_precision import average_precision
from fraud.statistics.ranking import rank
from serve.engine import Engine, EngineOptions, ModelFile, load
from train.dataset import Dataset
from train.replay.months import next_month


def month_of(dataset: Dataset, first: dt.date) -> Dataset:
    """The applications of the month that begins on `first`."""
    begin, end = np.searchsorted(dataset.dates, np.array([first, next_month(first)], "datetime64[D]"))
    return dataset.part(slice(int(begin), int(end)))


def known_before(dataset: Dataset, first: dt.date) -> Dataset:
    """The applications that were known when the month began."""
    return dataset.part(slice(0, int(np.searchsorted(dataset.dates, np.datetime64(first)))))


def coming_month_ap(engine: Engine, month: Dataset) -> float | None:
    """Average precision on the applications of a month; None where all or none of them divorced."""
    if month.y.size == 0 or month.positive_rate in (0, 1):
        return None
    return average_precision(rank(month.y, engine.score(month.x)), month.weights)


def version_aps(registry: Registry, version: int, months: list[Dataset]) -> list[float | None]:
    """Average precision of a registered version on each of the months, from its own `model.onnx`.

    Raises:
        RegistryError: the registry does not answer, or holds another file than was registered.
        EngineError: the file is no model that the server could load.
    """
    model = ModelFile.of(Path(MODEL_FILE), registry.fetch_model(registry.model_version(version)))
    with closing(load(model, EngineOptions())) as engine:
        return [coming_month_ap(engine, month) for month in months]
