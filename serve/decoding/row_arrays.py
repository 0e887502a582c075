"""Rows as arrays under a list of column names: `{"columns": [name, ...], "data": [[value, ...], ...]}`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import msgspec

from fraud.features import FEATURE_COUNT, FEATURE_NAMES
from serve.decoding.bounds import check_header, check_row_count
from serve.decoding.faults import Buffer, decode_json
from serve.decoding.matrix import matrix_of_values
from serve.decoding.rows import APPLICATION_ID, ApplicationId, DecodedRows, named_ids


def decode_row_arrays(names: Sequence[str], data: Buffer, max_rows: int) -> DecodedRows:
    """Column names in any order and the JSON text of the array of rows -> rows in the same order.

    Raises:
        MalformedBody: `data` is not JSON.
        InvalidInstance: the columns are not the ten features (and perhaps the application id), a row has another
            number of values, a value is of a wrong type or out of bounds; or the batch is empty.
        BodyTooLarge: more than `max_rows` rows.
    """
    check_header(names)
    id_position = names.index(APPLICATION_ID) if APPLICATION_ID in names else None
    rows = decode_json(_decoder(id_position).decode, data, names)
    check_row_count(len(rows), max_rows)
    features = [name for name in names if name != APPLICATION_ID]
    application_ids = None
    if id_position is not None:
        application_ids = named_ids([row[id_position] for row in rows])
        rows = [row[:id_position] + row[id_position + 1 :] for row in rows]
    return DecodedRows(matrix_of_values(_values(rows, features), len(rows)), application_ids)


def _values(rows: Sequence[tuple[float, ...]], features: list[str]) -> Any:
    """The values row after row, each row in the order of the feature schema."""
    if features == list(FEATURE_NAMES):
        return chain.from_iterable(rows)
    return chain.from_iterable(map(_in_feature_order(features), rows))


def _in_feature_order(features: list[str]) -> Any:
    return itemgetter(*(features.index(name) for name in FEATURE_NAMES))


@functools.cache
def _decoder(id_position: int | None) -> msgspec.json.Decoder[Any]:
    """Reads rows of ten numbers, with an application id at `id_position` among them; at most 12 are ever made."""
    members: list[Any] = [float] * FEATURE_COUNT
    if id_position is not None:
        members.insert(id_position, ApplicationId | None)
    return msgspec.json.Decoder(list[tuple[tuple(members)]])  # type: ignore[misc]
