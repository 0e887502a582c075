"""The check that a model must pass before it is registered: the same margins as XGBoost, bit for bit, and the same
probabilities within 1e-6 of each, relative.

Margins are compared in the exported graph itself. Probabilities are scored from the very bytes to be registered, by
the engine that will serve them. An absolute tolerance would hide wrong small probabilities, and most are small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from convert.errors import ConversionError, ParityError
from convert.exporter import INPUT, MARGIN, ROWS
from convert.parity_report import ParityReport, RowCounts, installed_versions
from convert.parity_rows import SEED, extreme_rows, made_rows, missing_rows, threshold_rows
from convert.source import Matrix, Source, Vector
from fraud.features import FEATURE_COUNT, FEATURE_NAMES
from fraud.forest import Forest
from fraud.golden_rows import RELATIVE_TOLERANCE
from fraud.registry import MODEL_FILE
from serve.engine import Engine, EngineOptions, ModelFile, load
from serve.engine.onnx_kernel import open_session

MINIMUM_ROWS: Final = 200_000
"""Fewest rows that prove anything: a split that one row in 10,000 passes is still passed 20 times. Where real
ones are fewer, the rest is made of their values."""

CHUNK_ROWS: Final = 32_768

Progress = Callable[[int, int], None]
"""Told the rows compared so far and all of them."""


def check_parity(
    model: bytes,
    source: Source,
    forest: Forest,
    real: Matrix,
    *,
    minimum_rows: int = 0,
    seed: int = SEED,
    progress: Progress | None = None,
) -> ParityReport:
    """Compare the exported model with the trained one on real rows [N, 10] that `check_rows` lets pass, on rows made of
    their values where they are fewer than `minimum_rows`, and on adversarial rows.

    `forest` is the source's, with its scalers folded: where the adversarial rows take the thresholds from.

    Raises:
        ParityError: a margin or a probability differs; the message shows the row.
    """
    kinds = {
        "real": real,
        "made": made_rows(real, max(minimum_rows - len(real), 0), seed),
        "threshold": threshold_rows(forest, real),
        "missing": missing_rows(real),
        "extreme": extreme_rows(real),
    }
    if source.scalers:
        # Scalers refuse infinities, so there is nothing to be equal to; `check_rows` keeps them out of real rows.
        kinds |= {
            kind: rows[~np.isinf(rows).any(axis=1)] for kind, rows in kinds.items() if kind not in {"real", "made"}
        }
    counts = RowCounts(**{kind: len(rows) for kind, rows in kinds.items()})
    tally = _Tally()
    margins = _MarginGraph(model)
    converted = ModelFile.of(Path(MODEL_FILE), model)
    with closing(load(converted, EngineOptions(threads=1))) as engine:
        for kind, chunk in _chunks(kinds):
            tally.add(_compare(kind, chunk, source, margins, engine))
            if progress is not None:
                progress(tally.rows, counts.total)
    return _report(converted.sha256, counts, tally)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """One chunk of rows, all within the tolerance."""

    rows: int
    margins_equal: int
    margin_difference: float
    probabilities_equal: int
    absolute_difference: float
    relative_difference: float
    minimum_probability: float


@dataclass(slots=True)
class _Tally:
    """The chunks so far."""

    rows: int = 0
    margins_equal: int = 0
    margin_difference: float = 0.0
    probabilities_equal: int = 0
    absolute_difference: float = 0.0
    relative_difference: float = 0.0
    minimum_probability: float = 1.0

    def add(self, chunk: _Comparison) -> None:
        self.rows += chunk.rows
        self.margins_equal += chunk.margins_equal
        self.margin_difference = max(self.margin_difference, chunk.margin_difference)
        self.probabilities_equal += chunk.probabilities_equal
        self.absolute_difference = max(self.absolute_difference, chunk.absolute_difference)
        self.relative_difference = max(self.relative_difference, chunk.relative_difference)
        self.minimum_probability = min(self.minimum_probability, chunk.minimum_probability)


class _MarginGraph:
    """The exported graph with its margin as a second output."""

    def __init__(self, model: bytes) -> None:
        graph = onnx.load_model_from_string(model)
        graph.graph.output.append(helper.make_tensor_value_info(MARGIN, TensorProto.FLOAT, [ROWS]))
        self._session = open_session(graph.SerializeToString())

    def margin(self, x: Matrix) -> Vector:
        margin: Vector = self._session.run([MARGIN], {INPUT: x})[0]
        return margin


def check_rows(real: Matrix, source: Source) -> None:
    """Refuse rows that can prove nothing.

    Raises:
        ConversionError: there is none, or they are not rows of the model's input.
    """
    if real.dtype != np.float32 or real.ndim != 2 or real.shape[1] != FEATURE_COUNT:
        raise ConversionError(f"the rows are {real.dtype} {list(real.shape)}; expected float32 [N, {FEATURE_COUNT}]")
    if len(real) == 0:
        raise ConversionError("there is no row; parity needs real rows, and makes more from their values")
    if source.scalers and np.isinf(real).any():
        raise ConversionError("a row has an infinite value, which the pipeline's scaler refuses; leave it out")


def _chunks(kinds: dict[str, Matrix]) -> Iterator[tuple[str, Matrix]]:
    for kind, rows in kinds.items():
        for start in range(0, len(rows), CHUNK_ROWS):
            yield kind, np.ascontiguousarray(rows[start : start + CHUNK_ROWS])


def _compare(kind: str, x: Matrix, source: Source, margins: _MarginGraph, engine: Engine) -> _Comparison:
    # Adding 0 turns -0.0 into 0.0 and changes nothing else. A sum of nothing but -0.0 is -0.0 in XGBoost and 0.0 in
    # ONNX Runtime, which starts from 0.0; both are the probability 0.5.
    expected_margin, margin = source.margin(x) + np.float32(0), margins.margin(x) + np.float32(0)
    expected, probability = source.probability(x), engine.score(x)
    margin_equal = _bits(margin) == _bits(expected_margin)
    absolute = np.abs(probability.astype(np.float64) - expected)
    relative = absolute / expected
    # Written so that NaN fails.
    faulty = ~(margin_equal & (relative <= RELATIVE_TOLERANCE))
    if faulty.any():
        row = int(np.argmax(faulty))
        raise ParityError(
            f"parity failed on {int(faulty.sum()):,} of {len(x):,} {kind} rows, first: "
            f"margin {_exact(margin[row])}, XGBoost's {_exact(expected_margin[row])}; "
            f"probability {probability[row]!s}, XGBoost's {expected[row]!s} (relative difference {relative[row]:.3g}); "
            f"row: {', '.join(f'{name}={value!s}' for name, value in zip(FEATURE_NAMES, x[row], strict=True))}"
        )
    return _Comparison(
        rows=len(x),
        margins_equal=int(margin_equal.sum()),
        margin_difference=float(np.abs(margin - expected_margin).max()),
        probabilities_equal=int((_bits(probability) == _bits(expected)).sum()),
        absolute_difference=float(absolute.max()),
        relative_difference=float(relative.max()),
        minimum_probability=float(probability.min()),
    )


def _bits(values: Vector) -> NDArray[np.uint32]:
    return values.view(np.uint32)


def _exact(value: np.float32) -> str:
    return f"{value!s} (bits {int(value.view(np.uint32)):#010x})"


def _report(sha256: str, counts: RowCounts, tally: _Tally) -> ParityReport:
    return ParityReport(
        model_sha256=sha256,
        rows=counts,
        margin_bit_equal_share=tally.margins_equal / tally.rows,
        margin_max_absolute_difference=tally.margin_difference,
        probability_bit_equal_share=tally.probabilities_equal / tally.rows,
        max_absolute_difference=tally.absolute_difference,
        max_relative_difference=tally.relative_difference,
        relative_tolerance=RELATIVE_TOLERANCE,
        minimum_probability=tally.minimum_probability,
        versions=installed_versions(),
    )
