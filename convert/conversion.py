"""The whole way of a model: preconditions, trees, scalers, ONNX, golden rows, proof."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from sklearn.pipeline import Pipeline
from xgboost import XGBClassifier

from convert import preconditions
from convert.booster_forest import read_covers, read_forest
from convert.contributions.filling import NoTablesError, fill
from convert.contributions.proof import prove_contributions
from convert.exporter import export, to_bytes
from convert.golden import carry, golden_rows
from convert.parity_report import ParityReport
from convert.parity_rows import SEED
from convert.scaler_folding import fold
from convert.source import Matrix, Source, open_source
from convert.xgboost_parity import MINIMUM_ROWS, Progress, check_parity, check_rows
from fraud.forest import Forest
from serve.engine.contributions.table_file import TableFile


@dataclass(frozen=True, slots=True)
class Conversion:
    """A model that passed parity: the ONNX file's bytes, their SHA-256 in hex, and the proof.

    `contributions` are the bytes of the tables that explain it (`serve.engine.contributions`); None where none were
    asked for, or the trees have none: `unexplained` says why.
    """

    model: bytes
    sha256: str
    parity: ParityReport
    contributions: bytes | None = None
    unexplained: str | None = None


def convert(
    model: Pipeline | XGBClassifier,
    rows: Matrix,
    *,
    minimum_rows: int = MINIMUM_ROWS,
    seed: int = SEED,
    progress: Progress | None = None,
    explain: bool = True,
) -> Conversion:
    """Convert a fitted model to ONNX and prove it on real `rows`, float32 [N, 10].

    Where they are fewer than `minimum_rows`, the rest is made of their values, drawn by `seed`; only tests have a
    reason to lower that. `progress` gets the rows compared so far and their total. Without `explain` no tables of
    contributions are made.

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
    conversion = Conversion(converted, hashlib.sha256(converted).hexdigest(), parity)
    return _explained(conversion, source, forest, rows, seed) if explain else conversion


def _explained(conversion: Conversion, source: Source, forest: Forest, rows: Matrix, seed: int) -> Conversion:
    """With tables of contributions, loaded from their bytes as a server does, and proven.

    Raises:
        ParityError: they are not XGBoost's.
    """
    try:
        tables = fill(forest, read_covers(source))
    except NoTablesError as error:
        return replace(conversion, unexplained=str(error))
    content = TableFile.of(tables, conversion.sha256).to_bytes()
    proof = prove_contributions(content, conversion.model, source, forest, rows, seed=seed)
    return replace(conversion, contributions=content, parity=replace(conversion.parity, contributions=proof))


def prove(
    converted: bytes,
    model: Pipeline | XGBClassifier,
    rows: Matrix,
    *,
    minimum_rows: int = MINIMUM_ROWS,
    seed: int = SEED,
    progress: Progress | None = None,
    contributions: bytes | None = None,
) -> ParityReport:
    """Prove once more that an ONNX file, from wherever it comes, is the fitted model; arguments as of `convert`.
    Given its tables of `contributions`, prove these too.

    Raises:
        UnsupportedModelError, ConversionError: as `convert`.
        ParityError: it is not.
    """
    source, forest = _read(model, rows)
    parity = check_parity(converted, source, forest, rows, minimum_rows=minimum_rows, seed=seed, progress=progress)
    if contributions is None:
        return parity
    proof = prove_contributions(contributions, converted, source, forest, rows, seed=seed)
    return replace(parity, contributions=proof)


def _read(model: Pipeline | XGBClassifier, rows: Matrix) -> tuple[Source, Forest]:
    """The trained model taken apart, once it is certain that model and rows can be used."""
    source = open_source(model)
    preconditions.check(source)
    forest = fold(read_forest(source), source)
    check_rows(rows, source)
    return source, forest
