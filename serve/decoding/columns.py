"""Columns by name: `{"Client_Income": [value, ...], ...}`."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np

from fraud.features import FEATURE_COUNT, FEATURE_NAMES
from serve.decoding.bounds import check_row_count
from serve.decoding.matrix import matrix_of_columns
from serve.decoding.rows import LABELS, DecodedRows, Label, labelled
from serve.errors import InvalidInstance

Columns: Final = msgspec.defstruct(
    "Columns",
    [
        *((name, list[float]) for name in FEATURE_NAMES),
        *((name, list[Label | None] | None, None) for name in LABELS),
    ],
    forbid_unknown_fields=True,
    frozen=True,
    gc=False,
)


def members_of_columns(columns: Any) -> int:
    """How many members a decoded `Columns` was given at least: a label that is null counts as none."""
    return FEATURE_COUNT + sum(getattr(columns, name) is not None for name in LABELS)


def rows_of_columns(columns: Any, max_rows: int) -> DecodedRows:
    """A decoded `Columns` -> rows.

    Raises:
        InvalidInstance: the columns differ in length, a value is out of bounds, or the batch is empty.
        BodyTooLarge: more than `max_rows` rows.
    """
    rows = len(getattr(columns, FEATURE_NAMES[0]))
    named = [(name, getattr(columns, name)) for name in (*FEATURE_NAMES, *LABELS)]
    for name, values in named:
        if values is not None and len(values) != rows:
            text = f"{name} has {len(values)} values, {FEATURE_NAMES[0]} has {rows}: expected as many in each column"
            raise InvalidInstance(text, field=name)
    check_row_count(rows, max_rows)
    with np.errstate(over="ignore"):  # beyond float32 becomes infinite, which is refused by name
        matrix = matrix_of_columns(
            {name: np.fromiter(getattr(columns, name), dtype=np.float32, count=rows) for name in FEATURE_NAMES}
        )
    return labelled(matrix, {name: getattr(columns, name) or () for name in LABELS})
