"""What a converted model carries along: rows of every kind with XGBoost's own answers."""

from __future__ import annotations

import numpy as np
import onnx

from convert.golden import ROWS_A_KIND
from convert.source import open_source
from fraud.golden_rows import METADATA_KEY, GoldenRows
from tests.convert.small_models import convert_small, plain


def golden_rows_of(model: bytes) -> GoldenRows:
    properties = {entry.key: entry.value for entry in onnx.load_model_from_string(model).metadata_props}
    return GoldenRows.from_text(properties[METADATA_KEY])


def test_the_rows_are_of_every_kind_and_the_answers_are_those_of_xgboost() -> None:
    golden = golden_rows_of(convert_small(plain()).model)
    assert len(golden.rows) == 3 * ROWS_A_KIND
    assert np.isnan(golden.rows[-ROWS_A_KIND:]).any(axis=1).all()
    assert golden.probabilities.tobytes() == open_source(plain()).probability(golden.rows).tobytes()


def test_the_other_metadata_stay() -> None:
    properties = {entry.key for entry in onnx.load_model_from_string(convert_small(plain()).model).metadata_props}
    assert {"feature_names", "producer", "trees", METADATA_KEY} <= properties
