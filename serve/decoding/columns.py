"""Columns by name: `{"Client_Income": [value, ...], ...}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from fraud.features import FEATURES
from serve.decoding.bounds import REQUIRED_NAMES, check_row_count
from serve.decoding.checked_rows import checked_rows
from serve.decoding.faults import decode_json, in_row
from serve.decoding.matrix import matrix_of_columns
from serve.decoding.rows import LABELS, VALUE_TYPES, DecodedRows, Label, list_of
from serve.errors import InvalidInstance, RowFault

ATTRIBUTES: Final = {feature.name: f"feature_{position}" for position, feature in enumerate(FEATURES)}
"""Field names of `Columns`: a feature's name need not be a valid Python name."""

Columns: Final = msgspec.defstruct(
    "Columns",
    [
        *((ATTRIBUTES[name], list_of(VALUE_TYPES[name])) for name in REQUIRED_NAMES),
        *(
            (attribute, list_of(VALUE_TYPES[name]) | UnsetType, UNSET)
            for name, attribute in ATTRIBUTES.items()
            if name not in REQUIRED_NAMES
        ),
        *((name, list[Label | None] | None, None) for name in LABELS),
    ],
    rename={attribute: name for name, attribute in ATTRIBUTES.items()},
    forbid_unknown_fields=True,
    frozen=True,
    gc=False,
)

_TEXTS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_COLUMNS: Final = {name: msgspec.json.Decoder(list_of(kind)) for name, kind in VALUE_TYPES.items()}
_ONE: Final = {name: msgspec.json.Decoder(kind) for name, kind in VALUE_TYPES.items()}


def members_of_columns(columns: Any) -> int:
    """Lower bound of the number of members that a decoded `Columns` had: a null label is not counted."""
    given = sum(getattr(columns, attribute) is not UNSET for attribute in ATTRIBUTES.values())
    return given + sum(getattr(columns, name) is not None for name in LABELS)


def rows_of_columns(columns: Any, max_rows: int) -> DecodedRows:
    """A decoded `Columns` -> rows.

    Raises:
        InvalidInstance: the columns differ in length, values are out of bounds, or the batch is empty.
        BodyTooLarge: more than `max_rows` rows.
    """
    features = {name: getattr(columns, attribute) for name, attribute in ATTRIBUTES.items()}
    labels = {name: getattr(columns, name) or () for name in LABELS}
    given = {name: values for name, values in features.items() if values is not UNSET}
    lists = {name: values for name in LABELS if (values := getattr(columns, name)) is not None}
    return _rows({**given, **lists}, given, labels, {}, max_rows)


def refuse_faulty_values(columns: Mapping[str, msgspec.Raw], max_rows: int) -> None:
    """Name every invalid row, if the columns could not be read as a whole. `columns` has the JSON of each.

    Raises:
        FaultyRows: there are such rows.
        InvalidInstance, BodyTooLarge: the columns are invalid.
    """
    if not (columns.keys() <= VALUE_TYPES.keys() and set(REQUIRED_NAMES) <= columns.keys()):
        return
    faults: dict[int, RowFault] = {}
    given = {name: text for name, text in columns.items() if name in ATTRIBUTES or bytes(text) != b"null"}
    values = {name: _read_values(name, text, faults) for name, text in given.items()}
    features = {name: values[name] for name in ATTRIBUTES if name in values}
    _rows(values, features, {name: values.get(name, ()) for name in LABELS}, faults, max_rows)


def _rows(
    columns: Mapping[str, Sequence[Any]],
    features: Mapping[str, Sequence[float | None]],
    labels: Mapping[str, Sequence[str | None]],
    faults: Mapping[int, RowFault],
    max_rows: int,
) -> DecodedRows:
    first = REQUIRED_NAMES[0]
    rows = len(columns[first])
    for name, values in columns.items():
        if len(values) != rows:
            text = f"{name} has {len(values)} values, {first} has {rows}: expected the same number in each column"
            raise InvalidInstance(text, field=name)
    check_row_count(rows, max_rows)
    with np.errstate(over="ignore"):  # values beyond float32 become infinite, and are refused later by name
        arrays = {name: np.fromiter(values, dtype=np.float32, count=rows) for name, values in features.items()}
    return checked_rows(matrix_of_columns(arrays, rows), labels, faults)


def _read_values(name: str, text: msgspec.Raw, faults: dict[int, RowFault]) -> list[Any]:
    """The values of a column; None for invalid ones, whose faults are added."""
    try:
        found: list[Any] = _COLUMNS[name].decode(text)
        return found
    except msgspec.ValidationError:
        pass
    values = []
    for row, value in enumerate(decode_json(_TEXTS.decode, text)):
        try:
            values.append(decode_json(_ONE[name].decode, value))
        except InvalidInstance as fault:
            faults.setdefault(row, in_row(row, InvalidInstance(fault.message, row, name)))
            values.append(None)
    return values
