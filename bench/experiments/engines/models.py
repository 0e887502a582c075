"""Models of three sizes, trained on generated applications and converted as `convert` does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from xgboost import Booster, XGBClassifier

from convert import convert
from convert.source import Matrix
from serve.engine.sample_rows import ordinary_rows

TRAINING_ROWS: Final = 60_000
SEED: Final = 11
LEARNING_RATE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Size:
    """What a model is made of."""

    name: str
    trees: int
    depth: int

    @property
    def title(self) -> str:
        """For tables and plots."""
        return f"{self.name}: {self.trees} trees of depth {self.depth}"


SIZES: Final = (Size("S", 100, 3), Size("M", 300, 6), Size("L", 500, 8))


@dataclass(frozen=True, slots=True)
class BenchModel:
    """A trained booster, and the file that was exported from it."""

    size: Size
    booster: Booster
    path: Path
    contributions: bytes | None


def make_models(folder: Path, sizes: Sequence[Size] = SIZES, *, explain: bool = False) -> Iterator[BenchModel]:
    """Train and export each size, with tables of contributions where asked; the same seed makes the same trees."""
    generator = np.random.default_rng(SEED)
    rows = ordinary_rows(TRAINING_ROWS, generator)
    labels = _labels(rows, generator)
    for size in sizes:
        classifier = XGBClassifier(n_estimators=size.trees, max_depth=size.depth, learning_rate=LEARNING_RATE)
        classifier.fit(rows, labels)
        path = folder / f"{size.name}.onnx"
        converted = convert(classifier, rows, minimum_rows=len(rows), explain=explain)
        path.write_bytes(converted.model)
        yield BenchModel(size, classifier.get_booster(), path, converted.contributions)


def _labels(rows: Matrix, generator: np.random.Generator) -> NDArray[np.int64]:
    """Labels that several features and a product of two decide, so that deep trees find something to split."""
    scaled = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    log_odds = -2 + 0.5 * scaled[:, 0] - 0.6 * scaled[:, 3] + 0.5 * scaled[:, 1] * scaled[:, 4] + 0.3 * scaled[:, 8]
    log_odds += 0.5 * np.sin(3 * scaled[:, 5])
    labels: NDArray[np.int64] = (generator.random(len(rows)) < 1 / (1 + np.exp(-log_odds))).astype(np.int64)
    return labels
