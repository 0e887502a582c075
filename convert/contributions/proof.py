"""The check that tables of contributions must pass before they are registered: XGBoost's own `pred_contribs`.

Tables are filled from the trees by a formula of our own, in float64; XGBoost computes by another algorithm, in float32.
So both are independent, and the bound is what XGBoost's sums of float32 may be off by.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from convert.errors import ParityError
from convert.parity_report import ContributionParity
from convert.parity_rows import extreme_rows, missing_rows, threshold_rows
from convert.source import Matrix, Source
from fraud.features import FEATURE_NAMES
from fraud.forest import Forest
from fraud.registry import MODEL_FILE
from serve.engine import ModelFile
from serve.engine.contributions import ContributionsError, load_contributions
from serve.engine.contributions.loading import SUM_TOLERANCE, unexplained

EFFECT_TOLERANCE: Final = 1e-6
"""Of an effect to XGBoost's, in log-odds, for effects up to 1 and up to `EXACT_TREES` trees."""

EXACT_TREES: Final = 100
"""Beyond these the tolerance grows with the number of trees: XGBoost rounds to float32 once a tree."""

KINDS: Final = {"threshold": 0.5, "missing": 0.25, "real": 0.15, "extreme": 0.1}
"""Shares of the rows."""
MOST_ROWS: Final = 16_000
ROW_LEAVES: Final = 20_000_000
"""Rows times leaves: some three seconds of XGBoost on one core."""


def prove_contributions(
    content: bytes, model: bytes, source: Source, forest: Forest, real: Matrix, *, seed: int
) -> ContributionParity:
    """Load the tables of a file for the exported model and compare them on rows on thresholds, with missing values,
    real and extreme ones. `forest` is the source's, with its scalers folded.

    Raises:
        ParityError: they can't be loaded, or an effect or a sum differs; the message shows the row.
    """
    try:
        contributions = load_contributions(content, ModelFile.of(Path(MODEL_FILE), model))
    except ContributionsError as error:
        raise ParityError(str(error)) from error
    rows = _rows(source, forest, real, seed)
    expected = source.contributions(rows)[:, :-1].astype(np.float64)
    found = contributions.effects(rows).astype(np.float64)
    scale = np.maximum(1, np.abs(expected).max(axis=1))
    tolerance = EFFECT_TOLERANCE * max(1, len(forest.trees) / EXACT_TREES)
    difference = np.abs(found - expected).max(axis=1) / scale
    _refuse(~(difference <= tolerance), "an effect is not XGBoost's", rows, found, expected)
    sums = unexplained(contributions, rows, source.margin(rows))
    _refuse(~(sums <= SUM_TOLERANCE), "base and effects do not add up to the log-odds", rows, found, expected)
    order, expected_order = (np.argsort(-np.abs(effects), axis=1, kind="stable") for effects in (found, expected))
    return ContributionParity(
        sha256=hashlib.sha256(content).hexdigest(),
        rows=len(rows),
        effect_max_difference=float(difference.max()),
        effect_tolerance=tolerance,
        sum_max_difference=float(sums.max()),
        sum_tolerance=SUM_TOLERANCE,
        same_order_share=float((order == expected_order).all(axis=1).mean()),
    )


def _rows(source: Source, forest: Forest, real: Matrix, seed: int) -> Matrix:
    leaves = sum(len(tree.left) - len(tree.splits) for tree in forest.trees)
    total = min(MOST_ROWS, max(ROW_LEAVES // leaves, MOST_ROWS // 8))
    generator = np.random.default_rng(seed)
    kinds = {
        "threshold": threshold_rows(forest, real),
        "missing": missing_rows(real),
        "real": real,
        "extreme": extreme_rows(real),
    }
    chosen = []
    for kind, rows in kinds.items():
        # XGBoost's matrices for contributions take no infinities.
        finite = np.flatnonzero(~np.isinf(rows).any(axis=1))
        chosen.append(rows[generator.permutation(finite)[: round(KINDS[kind] * total)]])
    return np.concatenate(chosen)


def _refuse(
    faulty: NDArray[np.bool_], fault: str, rows: Matrix, found: NDArray[np.float64], expected: NDArray[np.float64]
) -> None:
    if not faulty.any():
        return
    row = int(np.argmax(faulty))
    worst = int(np.argmax(np.abs(found[row] - expected[row])))
    raise ParityError(
        f"contributions failed on {int(faulty.sum()):,} of {len(rows):,} rows, {fault}, first: "
        f"{FEATURE_NAMES[worst]} {found[row, worst]!s}, XGBoost's {expected[row, worst]!s}; "
        f"row: {', '.join(f'{name}={value!s}' for name, value in zip(FEATURE_NAMES, rows[row], strict=True))}"
    )
