"""Rows as arrays under a list of column names: `{"columns": [name, ...], "data": [[value, ...], ...]}`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import msgspec

from fraud.features import FEATURE_NAMES
from serve.decoding.bounds import check_header, check_row_count
from serve.decoding.faults import Buffer, decode_json
from serve.decoding.matrix import matrix_of_values
from serve.decoding.rows import LABELS, DecodedRows, Label, labelled


def decode_row_arrays(names: Sequence[str], data: Buffer, max_rows: int) -> DecodedRows:
    """Column names in any order and the JSON text of the array of rows -> rows in the same order.

    Raises:
        MalformedBody: `data` is not JSON.
        InvalidInstance: the columns are not the ten features (and perhaps labels), a row has another
            number of values, a value is of a wrong type or out of bounds; or the batch is empty.
        BodyTooLarge: more than `max_rows` rows.
    """
    check_header(names)
    labels = tuple(position for position, name in enumerate(names) if name in LABELS)
    rows = decode_json(_decoder(len(names), labels).decode, data, names)
    check_row_count(len(rows), max_rows)
    matrix = matrix_of_values(_values(rows, names), len(rows))
    return labelled(matrix, {names[position]: [row[position] for row in rows] for position in labels})


def _values(rows: Sequence[tuple[Any, ...]], names: Sequence[str]) -> Any:
    """The features row after row, each row in the order of the feature schema."""
    if list(names) == list(FEATURE_NAMES):
        return chain.from_iterable(rows)
    return chain.from_iterable(map(itemgetter(*(names.index(name) for name in FEATURE_NAMES)), rows))


@functools.cache
def _decoder(width: int, labels: tuple[int, ...]) -> msgspec.json.Decoder[Any]:
    """Reads rows of ten numbers, and of texts at the positions `labels` among them; at most 144 are ever made."""
    members: list[Any] = [Label | None if position in labels else float for position in range(width)]
    return msgspec.json.Decoder(list[tuple[tuple(members)]])  # type: ignore[misc]
