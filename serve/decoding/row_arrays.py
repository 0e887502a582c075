"""Rows as arrays under a list of column names: `{"columns": [name, ...], "data": [[value, ...], ...]}`."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final

import msgspec

from fraud.features import FEATURE_NAMES
from serve.decoding.bounds import check_header, check_row_count
from serve.decoding.checked_rows import checked_rows
from serve.decoding.faults import Buffer, decode_json, in_row
from serve.decoding.matrix import matrix_of_values
from serve.decoding.rows import LABELS, VALUE_TYPES, DecodedRows
from serve.errors import InvalidInstance, RowFault

_TEXTS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_KEPT_DECODERS: Final = 256

_Row = Sequence[Any]


def decode_row_arrays(names: Sequence[str], data: Buffer, max_rows: int) -> DecodedRows:
    """Column names in any order and the JSON text of the array of rows -> rows in the same order.

    Raises:
        MalformedBody: `data` is not JSON.
        InvalidInstance: the columns are not the features (and optionally labels), a row has a wrong number of values, a
            value is of a wrong type or out of bounds, or the batch is empty.
        BodyTooLarge: more than `max_rows` rows.
    """
    check_header(names)
    return _rows(names, decode_json(_decoder(tuple(names)).decode, data, names), {}, max_rows)


def refuse_faulty_arrays(names: Sequence[str], data: Buffer, max_rows: int) -> None:
    """Name every invalid row, if the rows could not be read as a whole. Arguments as in `decode_row_arrays`.

    Raises:
        FaultyRows: there are such rows.
        InvalidInstance, BodyTooLarge: the columns or the number of rows are invalid.
    """
    check_header(names)
    decoder = _decoder(tuple(names))
    rows: list[_Row] = []
    faults: dict[int, RowFault] = {}
    for row, text in enumerate(decode_json(_TEXTS.decode, data)):
        try:
            (values,) = decode_json(decoder.decode, b"[%b]" % bytes(text), names)
        except InvalidInstance as fault:
            faults[row] = in_row(row, fault)
            values = (None,) * len(names)
        rows.append(values)
    _rows(names, rows, faults, max_rows)


def _rows(names: Sequence[str], rows: Sequence[_Row], faults: Mapping[int, RowFault], max_rows: int) -> DecodedRows:
    check_row_count(len(rows), max_rows)
    given = [name for name in FEATURE_NAMES if name in names]
    matrix = matrix_of_values(_values(rows, names, given), len(rows), given)
    positions = {name: position for position, name in enumerate(names) if name in LABELS}
    return checked_rows(matrix, {name: [row[at] for row in rows] for name, at in positions.items()}, faults)


def _values(rows: Sequence[_Row], names: Sequence[str], wanted: Sequence[str]) -> Iterable[float | None]:
    """The features `wanted`, row by row."""
    if list(names) == list(wanted):
        return chain.from_iterable(rows)
    places = [names.index(name) for name in wanted]
    # With a single index `itemgetter` returns no tuple.
    return map(itemgetter(*places), rows) if len(places) == 1 else chain.from_iterable(map(itemgetter(*places), rows))


@functools.lru_cache(_KEPT_DECODERS)
def _decoder(names: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    """The decoder of rows with a value for each of the columns."""
    return msgspec.json.Decoder(list[tuple[tuple(VALUE_TYPES[name] for name in names)]])  # type: ignore[misc]
