"""From the bytes of a table file to contributions that are checked against the model they explain."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from serve.engine.checked import read_golden_rows
from serve.engine.contributions.contributions import Contributions
from serve.engine.contributions.errors import ContributionsError
from serve.engine.contributions.table_file import read_tables
from serve.engine.engine import Matrix
from serve.engine.model_file import ModelFile
from serve.engine.onnx_forest import read_forest
from serve.engine.onnx_kernel import open_margin_session

SUM_TOLERANCE: Final = 1e-5
"""Of base and effects to the log-odds, absolute up to 1 and relative above: these are sums of float32, too."""


def load_contributions(content: bytes, model: ModelFile) -> Contributions:
    """Contributions from a table file's bytes, compared with the model's log-odds on its golden rows.

    Raises:
        ContributionsError: the file is damaged, of another model, or does not add up to the model's log-odds.
        GoldenRowsError: the model carries no golden rows.
        ForestRefusedError: the model has no trees that can be read.
    """
    contributions = Contributions(read_tables(content, model.sha256))
    _check_sums(contributions, model)
    return contributions


def _check_sums(contributions: Contributions, model: ModelFile) -> None:
    rows = read_golden_rows(model.content).rows
    wrong = ~(unexplained(contributions, rows, log_odds(model.content, rows)) <= SUM_TOLERANCE)
    if wrong.any():
        raise ContributionsError(
            f"on {int(wrong.sum())} of {len(rows)} golden rows base and effects do not add up to the log-odds"
        )


def log_odds(model: bytes, rows: Matrix) -> NDArray[np.float32]:
    """What the model's trees give for rows [N, 10], [N].

    Raises:
        ForestRefusedError: the model has another form than `convert` writes.
    """
    read_forest(model)  # or the first operator might not be the trees
    session = open_margin_session(model)
    found: NDArray[np.float32] = session.run(None, {session.get_inputs()[0].name: rows})[0].ravel()
    return found


def unexplained(contributions: Contributions, rows: Matrix, expected: NDArray[np.float32]) -> NDArray[np.float64]:
    """How far base and effects are from the log-odds of rows, [N]: absolute up to 1, relative above."""
    sums = contributions.base + contributions.effects(rows).sum(axis=1, dtype=np.float64)
    difference: NDArray[np.float64] = np.abs(sums - expected) / np.maximum(1, np.abs(expected))
    return difference
