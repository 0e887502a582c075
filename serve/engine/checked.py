"""Checks a model before it may answer, by the feature names and golden rows in its file."""

from __future__ import annotations

import json

import onnx

from fraud.features import FEATURE_NAMES, NAMES_KEY
from fraud.golden_rows import METADATA_KEY, GoldenRows, GoldenRowsError
from serve.engine.engine import Engine, EngineOptions
from serve.engine.errors import ModelSignatureError
from serve.engine.loading import load
from serve.engine.model_file import ModelFile


def load_checked(model: ModelFile, options: EngineOptions) -> Engine:
    """Load a model, and check its answers to its golden rows.

    Raises:
        EngineError: it can't be loaded, or its features are not the declared ones.
        GoldenRowsError: it has no golden rows, or answers them differently from the trained model.
    """
    engine = load(model, options)
    _refuse_other_features(model)
    golden = read_golden_rows(model.content)
    golden.check(engine.score(golden.rows))
    return engine


def read_golden_rows(model: bytes) -> GoldenRows:
    """The golden rows in a model's bytes.

    Raises:
        GoldenRowsError: there are none.
    """
    text = _metadata(model).get(METADATA_KEY)
    if text is not None:
        return GoldenRows.from_text(text)
    raise GoldenRowsError(
        "the model was made by an earlier version of this software and has no golden rows to check it with"
    )


def _refuse_other_features(model: ModelFile) -> None:
    """A matrix has no column names, so features in another order would be scored without an error."""
    text = _metadata(model.content).get(NAMES_KEY)
    names = FEATURE_NAMES if text is None else tuple(json.loads(text))
    if names != FEATURE_NAMES:
        expected = f"the features {', '.join(FEATURE_NAMES)}: train a model on them"
        raise ModelSignatureError(model.path, f"the features {', '.join(map(str, names))}", expected)


def _metadata(model: bytes) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load_model_from_string(model).metadata_props}
