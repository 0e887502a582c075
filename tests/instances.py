"""Rows of a matrix as clients send them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud.features import FEATURE_NAMES

Instance = dict[str, float | None]


def instances_of(rows: NDArray[np.floating[Any]]) -> list[Instance]:
    """An object for each row; JSON has no NaN, so what is missing is null."""
    return [
        {name: None if np.isnan(value) else value for name, value in zip(FEATURE_NAMES, row, strict=True)}
        for row in rows.tolist()
    ]
