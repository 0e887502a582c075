"""A model that is checked before it may answer: by the names and the golden rows that its file carries."""

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
    """Load a model, and have it answer its golden rows.

    Raises:
        EngineError: it can't be loaded, or takes other features than those that are declared.
        GoldenRowsError: it carries no golden rows, or answers them otherwise than the trained model.
    """
    engine = load(model, options)
    _refuse_other_features(model)
    golden = read_golden_rows(model.content)
    golden.check(engine.score(golden.rows))
    return engine


def read_golden_rows(model: bytes) -> GoldenRows:
    """The golden rows that a model's bytes carry.

    Raises:
        GoldenRowsError: there are none.
    """
    text = _metadata(model).get(METADATA_KEY)
    if text is not None:
        return GoldenRows.from_text(text)
    raise GoldenRowsError("the model was made by an earlier version and carries no golden rows to check it by")


def _refuse_other_features(model: ModelFile) -> None:
    """A matrix says nothing of what its columns mean: as many features in another order would be scored as these."""
    text = _metadata(model.content).get(NAMES_KEY)
    names = FEATURE_NAMES if text is None else tuple(json.loads(text))
    if names != FEATURE_NAMES:
        expected = f"the features {', '.join(FEATURE_NAMES)}: train a model on them"
        raise ModelSignatureError(model.path, f"the features {', '.join(map(str, names))}", expected)


def _metadata(model: bytes) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load_model_from_string(model).metadata_props}
