"""The check, at every load, that the forest kernel's answers equal ONNX Runtime's for this model.

The same bounds as in `convert.xgboost_parity`: log-odds bit for bit, probabilities within 1e-6, relative. Every way of
scoring is checked, not only the chosen one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraud.forest import Forest
from serve.engine.engine import Matrix
from serve.engine.errors import ForestMismatchError
from serve.engine.forest_kernel import ForestKernel
from serve.engine.onnx_kernel import OnnxKernel, open_margin_session
from serve.engine.sample_rows import revealing_rows

Vector = NDArray[np.float32]
"""One number for each row, [N]."""

RELATIVE_TOLERANCE: Final = 1e-6

SEED: Final = 0
"""Fixed seed, so that a failure is reproducible."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The number of rows compared, and the largest relative difference of a probability."""

    rows: int
    largest_difference: float


def prove(kernel: ForestKernel, forest: Forest, reference: OnnxKernel, model: bytes) -> Proof:
    """Compare on a few thousand rows, including values on every threshold, missing and extreme values.

    Raises:
        ForestMismatchError: a row differs; the message says how.
    """
    rows = revealing_rows(forest, np.random.default_rng(SEED))
    session = open_margin_session(model)
    margins: Vector = session.run(None, {session.get_inputs()[0].name: rows})[0].ravel()
    probabilities = np.empty(len(rows), dtype=np.float32)
    reference.score_into(rows, probabilities)
    differences = [_compare(kernel, way, rows, margins, probabilities) for way in kernel.ways]
    return Proof(len(rows), max(differences))


def _compare(kernel: ForestKernel, way: int, rows: Matrix, margins: Vector, probabilities: Vector) -> float:
    found = np.empty(len(rows), dtype=np.float32)
    kernel.score_by(way, rows, found, margins=True)
    # Adding 0 turns -0.0 into 0.0 and changes nothing else: both are the probability 0.5.
    differing = (found + np.float32(0)).view(np.uint32) != (margins + np.float32(0)).view(np.uint32)
    if differing.any():
        raise ForestMismatchError(f"log-odds by way {way}: {_first(differing, rows, found, margins)}")
    kernel.score_by(way, rows, found)
    relative = np.abs(found.astype(np.float64) - probabilities) / probabilities
    # Written so that NaN counts as a difference.
    differing = ~(relative <= RELATIVE_TOLERANCE)
    if differing.any():
        raise ForestMismatchError(f"probability by way {way}: {_first(differing, rows, found, probabilities)}")
    return float(relative.max())


def _first(differing: NDArray[np.bool_], rows: Matrix, found: Vector, expected: Vector) -> str:
    row = int(np.argmax(differing))
    return (
        f"{int(differing.sum()):,} of {len(rows):,} rows differ, first {found[row]!s} instead of {expected[row]!s} "
        f"for {rows[row].tolist()}"
    )
