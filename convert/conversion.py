"""The whole way of a model: preconditions, trees, scalers, ONNX, golden rows, proof."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sklearn.pipeline import Pipeline
from xgboost import XGBClassifier

from convert import preconditions
from convert.booster_forest import read_forest
from convert.exporter import export, to_bytes
from convert.golden import carry, golden_rows
from convert.parity_report import ParityReport
from convert.parity_rows import SEED
from convert.scaler_folding import fold
from convert.source import Matrix, Source, open_source
from convert.xgboost_parity import MINIMUM_ROWS, Progress, check_parity, check_rows
from fraud.forest import Forest


@dataclass(frozen=True, slots=True)
class Conversion:
    """A model that passed parity: the ONNX file's bytes, their SHA-256 in hex, and the proof."""

    model: bytes
    sha256: str
    parity: ParityReport


def convert(
    model: Pipeline | XGBClassifier,
    rows: Matrix,
    *,
    minimum_rows: int = MINIMUM_ROWS,
    seed: int = SEED,
    progress: Progress | None = None,
) -> Conversion:
    """Convert a fitted model to ONNX and prove it on real `rows`, float32 [N, 10].

    Where they are fewer than `minimum_rows`, the rest is made of their values, drawn by `seed`; only tests have a
    reason to lower that. `progress` is told the rows compared so far and their total.

    Raises:
        UnsupportedModelError: the model has something that ONNX would not keep; its message names it.
        ConversionError: there is no row, or rows of another form.
        ParityError: the converted model is not the trained one.
    """
    source, forest = _read(model, rows)
    exported = export(forest)
    carry(exported, golden_rows(source, forest, rows))
    converted = to_bytes(exported)
    parity = check_parity(converted, source, forest, rows, minimum_rows=minimum_rows, seed=seed, progress=progress)
    return Conversion(converted, hashlib.sha256(converted).hexdigest(), parity)


def prove(
    converted: bytes,
    model: Pipeline | XGBClassifier,
    rows: Matrix,
    *,
    minimum_rows: int = MINIMUM_ROWS,
    seed: int = SEED,
    progress: Progress | None = None,
) -> ParityReport:
    """Prove once more that an ONNX file, from wherever it comes, is the fitted model; arguments as of `convert`.

    Raises:
        UnsupportedModelError, ConversionError: as `convert`.
        ParityError: it is not.
    """
    source, forest = _read(model, rows)
    return check_parity(converted, source, forest, rows, minimum_rows=minimum_rows, seed=seed, progress=progress)


def _read(model: Pipeline | XGBClassifier, rows: Matrix) -> tuple[Source, Forest]:
    """The trained model taken apart, once it is certain that model and rows can be used."""
    source = open_source(model)
    preconditions.check(source)
    forest = fold(read_forest(source), source)
    check_rows(rows, source)
    return source, forest
