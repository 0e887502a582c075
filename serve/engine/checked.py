"""A model that is checked before it may answer: by the golden rows that its file carries."""

from __future__ import annotations

import onnx

from fraud.golden_rows import METADATA_KEY, GoldenRows, GoldenRowsError
from serve.engine.engine import Engine, EngineOptions
from serve.engine.loading import load
from serve.engine.model_file import ModelFile


def load_checked(model: ModelFile, options: EngineOptions) -> Engine:
    """Load a model, and have it answer its golden rows.

    Raises:
        EngineError: it can't be loaded.
        GoldenRowsError: it carries no golden rows, or answers them otherwise than the trained model.
    """
    engine = load(model, options)
    golden = read_golden_rows(model.content)
    golden.check(engine.score(golden.rows))
    return engine


def read_golden_rows(model: bytes) -> GoldenRows:
    """The golden rows that a model's bytes carry.

    Raises:
        GoldenRowsError: there are none.
    """
    for entry in onnx.load_model_from_string(model).metadata_props:
        if entry.key == METADATA_KEY:
            return GoldenRows.from_text(entry.value)
    raise GoldenRowsError("the model was made by an earlier version and carries no golden rows to check it by")
