"""Which rows a converted model carries along with the trained model's answers."""

from __future__ import annotations

from typing import Final

import numpy as np
import onnx

from convert.parity_rows import SEED, missing_rows, threshold_rows
from convert.source import Matrix, Source
from fraud.forest import Forest
from fraud.golden_rows import METADATA_KEY, GoldenRows

ROWS_A_KIND: Final = 64
"""Real rows, rows on thresholds and rows with a missing value: some 8 kB of the file."""


def golden_rows(source: Source, forest: Forest, real: Matrix) -> GoldenRows:
    """A few rows of each kind, and what the trained model answers to them."""
    kinds = (real, threshold_rows(forest, real), missing_rows(real))
    rows = np.concatenate([_some(kind) for kind in kinds])
    return GoldenRows(rows, source.probability(rows))


def carry(model: onnx.ModelProto, golden: GoldenRows) -> None:
    """Put golden rows into the metadata of a model."""
    model.metadata_props.add(key=METADATA_KEY, value=golden.to_text())


def _some(rows: Matrix) -> Matrix:
    generator = np.random.default_rng(SEED)
    return rows[generator.permutation(len(rows))[:ROWS_A_KIND]]
