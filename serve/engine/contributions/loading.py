"""Loads contributions from a table file, and checks them against the model that they explain."""

from __future__ import annotations

import logging
from typing import Final

import numpy as np
from numpy.typing import NDArray

from serve.engine.checked import read_golden_rows
from serve.engine.contributions.contributions import Contributions
from serve.engine.contributions.errors import ContributionsError
from serve.engine.contributions.table_file import read_tables
from serve.engine.contributions.tables import ContributionTables
from serve.engine.engine import EngineKind, EngineOptions, Matrix
from serve.engine.errors import ForestRefusedError
from serve.engine.model_file import ModelFile
from serve.engine.onnx_forest import read_forest
from serve.engine.onnx_kernel import open_margin_session
from serve.engine.sample_rows import revealing_rows

logger = logging.getLogger(__name__)

SUM_TOLERANCE: Final = 1e-5
"""Tolerance of base plus effects against the log-odds, absolute up to 1 and relative above: both are float32."""

REVEALING_ROWS: Final = 512
SEED: Final = 0
"""Fixed seed, so that a failure is reproducible."""

ONNXRUNTIME_ONLY: Final = EngineOptions()


def load_contributions(content: bytes, model: ModelFile, options: EngineOptions = ONNXRUNTIME_ONLY) -> Contributions:
    """Contributions from a table file's bytes, compared with the model's log-odds on its golden rows and others.

    The lookup is compiled if `options` allow compiled code for the trees.

    Raises:
        ContributionsError: the file is damaged, of another model, or does not add up to the model's log-odds.
        GoldenRowsError: the model has no golden rows.
        ForestRefusedError: the model has no trees that can be read.
    """
    tables = read_tables(content, model.sha256)
    rows = _rows(model)
    contributions = Contributions(tables)
    wrong = ~(unexplained(contributions, rows, _log_odds(model.content, rows)) <= SUM_TOLERANCE)
    if wrong.any():
        raise ContributionsError(
            f"on {int(wrong.sum())} of {len(rows)} rows its base and effects do not add up to the model's log-odds"
        )
    if options.kind == EngineKind.ONNXRUNTIME:
        return contributions
    return _compiled(tables, options, rows, contributions)


def unexplained(contributions: Contributions, rows: Matrix, log_odds: NDArray[np.float32]) -> NDArray[np.float64]:
    """Difference of base plus effects from the log-odds of rows, [N]: absolute up to 1, relative above."""
    sums = contributions.base + contributions.effects(rows).sum(axis=1, dtype=np.float64)
    difference: NDArray[np.float64] = np.abs(sums - log_odds) / np.maximum(1, np.abs(log_odds))
    return difference


def _rows(model: ModelFile) -> Matrix:
    generator = np.random.default_rng(SEED)
    revealing = revealing_rows(read_forest(model.content), generator)
    return np.concatenate([read_golden_rows(model.content).rows, generator.choice(revealing, REVEALING_ROWS)])


def _log_odds(model: bytes, rows: Matrix) -> NDArray[np.float32]:
    session = open_margin_session(model)
    found: NDArray[np.float32] = session.run(None, {session.get_inputs()[0].name: rows})[0].ravel()
    return found


def _compiled(
    tables: ContributionTables, options: EngineOptions, rows: Matrix, reference: Contributions
) -> Contributions:
    """With a compiled lookup, if it is bit-equal; otherwise `reference`, and the reason is logged."""
    # numba takes a third of a second to import, and is not installed on machines that only train and convert models.
    from serve.engine.contributions.compiled_lookup import CompiledLookup  # noqa: PLC0415

    try:
        found = Contributions(tables, CompiledLookup(tables, options.cache_dir))
    except ForestRefusedError as error:
        logger.warning("contributions are looked up without compiled code: %s", error)
        return reference
    if not np.array_equal(found.effects(rows), reference.effects(rows)):
        logger.error("compiled code returns other contributions than NumPy, which is used instead")
        return reference
    return found
