"""Reads labels from JSON, or from a CSV or Parquet file whose columns are the fields; `label.py` checks the rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from serve.decoding.parquet_table import checked_parquet
from serve.errors import MalformedBody
from serve.labels.label import FIELDS, SOURCE_CHARACTERS

MEMBER: Final = "labels"
MOST_LABELS: Final = 1_000_000
_PARQUET: Final = b"PAR1"
_DELIMITERS: Final = (",", ";", "\t")
_MOST_CHARACTERS: Final = SOURCE_CHARACTERS + 1
"""Maximum characters read of a text; a text this long is invalid in any field."""


def rows_of_json(body: bytes) -> Sequence[object]:
    """The rows of `{"labels": [...]}`.

    Raises:
        MalformedBody: another form.
    """
    expected = 'expected JSON as {"labels": [{"application_id": ..., "outcome": ..., "date": ..., "source": ...}]}'
    try:
        found = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise MalformedBody(f"the body is not JSON: {expected}") from None
    if not isinstance(found, dict) or found.keys() != {MEMBER} or not isinstance(found[MEMBER], list):
        raise MalformedBody(f"the body has another form: {expected}")
    if not found[MEMBER]:
        raise MalformedBody(f"the body has no label: {expected}")
    return found[MEMBER]


def rows_of_file(content: bytes) -> Sequence[object]:
    """The rows of a CSV (comma, semicolon or tab; UTF-8) or Parquet file.

    Raises:
        MalformedBody: it can't be read, or lacks these columns.
        BodyTooLarge: too many rows, or too large when decompressed.
    """
    rows = _rows_of_parquet(content) if content.startswith(_PARQUET) else _rows_of_csv(content)
    if not rows:
        raise MalformedBody("the file has no label")
    return rows


def _rows_of_csv(content: bytes) -> Sequence[object]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise MalformedBody("the file is neither Parquet nor UTF-8 text: expected CSV or Parquet") from None
    delimiter = max(_DELIMITERS, key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = next(reader, [])
        _check_columns(names)
        return [_row(names, values, reader.line_num) for values in reader if values]
    except csv.Error as error:
        raise MalformedBody(f"the file is not valid CSV: line {reader.line_num}: {error}") from None


def _row(names: Sequence[str], values: Sequence[str], line: int) -> object:
    if len(values) != len(names):
        raise MalformedBody(f"line {line} of the file has {len(values)} values: expected {len(names)}")
    return {name: value or None for name, value in zip(names, values, strict=True)}


def _rows_of_parquet(content: bytes) -> Sequence[object]:
    checked_parquet(content, MOST_LABELS)
    try:
        schema = pyarrow.parquet.read_schema(pa.BufferReader(content))
        _check_columns(schema.names)
        _check_types(schema)
        # Keep texts dictionary-encoded until they are cut: all rows may refer to the same megabytes.
        file = pyarrow.parquet.ParquetFile(pa.BufferReader(content), read_dictionary=list(FIELDS))
        table = file.read(use_threads=False)
        table.validate(full=True)
        return [
            dict(zip(FIELDS, row, strict=True)) for row in zip(*(_values(table[name]) for name in FIELDS), strict=True)
        ]
    except (pa.ArrowException, OSError, ValueError) as error:
        raise MalformedBody(f"the file is not a valid Parquet file ({type(error).__name__})") from None


def _check_types(schema: Any) -> None:
    """Accept only columns of types with small values, or of texts, which are cut."""
    for column in schema:
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if not (_is_text(kind) or pa.types.is_primitive(kind) or pa.types.is_null(kind)):
            raise MalformedBody(f"column {column.name} of the file has the type {kind}: expected text")


def _values(column: Any) -> list[object]:
    """The values of a column: texts, cut if too long for any field; dates as text."""
    return [value for chunk in column.chunks for value in _of_chunk(chunk)]


def _of_chunk(chunk: Any) -> list[object]:
    if pa.types.is_dictionary(chunk.type):
        texts = _of_chunk(chunk.dictionary)
        return [None if place is None else texts[place] for place in chunk.indices.to_pylist()]
    if _is_text(chunk.type):
        chunk = pc.utf8_slice_codeunits(chunk, 0, _MOST_CHARACTERS)
    elif pa.types.is_date(chunk.type):
        chunk = chunk.cast(pa.date32()).cast(pa.string())
    values: list[object] = chunk.to_pylist()
    return values


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _check_columns(names: Sequence[str]) -> None:
    if sorted(names) != sorted(FIELDS):
        raise MalformedBody(f"the file has the columns {', '.join(names)[:200]}: expected {', '.join(FIELDS)}")
