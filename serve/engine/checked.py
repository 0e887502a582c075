"""A model that is checked before it may answer: by the golden rows that its file carries."""

from __future__ import annotations

from pathlib import Path

import onnx

from fraud.golden_rows import METADATA_KEY, GoldenRows, GoldenRowsError
from serve.engine.engine import Engine, EngineOptions
from serve.engine.loading import load


def load_checked(path: Path, options: EngineOptions) -> Engine:
    """Load a model, and have it answer its golden rows.

    Raises:
        EngineError: it can't be loaded.
        GoldenRowsError: it carries no golden rows, or answers them otherwise than the trained model.
    """
    engine = load(path, options)
    golden = read_golden_rows(path)
    golden.check(engine.score(golden.rows))
    return engine


def read_golden_rows(path: Path) -> GoldenRows:
    """The golden rows that a model file carries.

    Raises:
        GoldenRowsError: there are none.
    """
    for entry in onnx.load_model_from_string(path.read_bytes()).metadata_props:
        if entry.key == METADATA_KEY:
            return GoldenRows.from_text(entry.value)
    raise GoldenRowsError("the model was made by an earlier version and carries no golden rows to check it by")
