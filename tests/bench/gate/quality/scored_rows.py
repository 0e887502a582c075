"""Labelled applications with the probabilities of models whose quality is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.train.conftest import synthetic_dataset
from train.dataset import Dataset


def applications(rows: int = 6_000, seed: int = 1) -> Dataset:
    """Applications [rows, 10], about 8% positive."""
    return synthetic_dataset(rows, 60, seed)


def probabilities(data: Dataset, quality: float, seed: int) -> NDArray[np.float32]:
    """Of a model that sees the labels through noise: 0 is chance, 1 is good, 3 is near perfect."""
    margin = quality * data.y - 2.5 + np.random.default_rng(seed).normal(size=data.y.size)
    return np.asarray(1 / (1 + np.exp(-margin)), np.float32)
