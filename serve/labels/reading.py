"""Labels as they come: JSON, or a CSV or Parquet file whose columns are the fields; `label.py` checks the rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.parquet

from serve.decoding.parquet_table import checked_parquet
from serve.errors import MalformedBody
from serve.labels.label import DATE, FIELDS

MEMBER: Final = "labels"
MOST_LABELS: Final = 1_000_000
_PARQUET: Final = b"PAR1"
_DELIMITERS: Final = (",", ";", "\t")


def rows_of_json(body: bytes) -> Sequence[object]:
    """The rows of `{"labels": [...]}`.

    Raises:
        MalformedBody: it is something else.
    """
    expected = 'expected JSON as {"labels": [{"application_id": ..., "outcome": ..., "date": ..., "source": ...}]}'
    try:
        found = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise MalformedBody(f"the body is no JSON: {expected}") from None
    if not isinstance(found, dict) or found.keys() != {MEMBER} or not isinstance(found[MEMBER], list):
        raise MalformedBody(f"the body has another form: {expected}")
    if not found[MEMBER]:
        raise MalformedBody(f"the body has no label: {expected}")
    return found[MEMBER]


def rows_of_file(content: bytes) -> Sequence[object]:
    """The rows of a CSV (comma, semicolon or tab; UTF-8) or Parquet file.

    Raises:
        MalformedBody: it can't be read, or has not these columns.
        BodyTooLarge: it has more rows than are read at once, or much more than was sent.
    """
    rows = _rows_of_parquet(content) if content.startswith(_PARQUET) else _rows_of_csv(content)
    if not rows:
        raise MalformedBody("the file has no label")
    return rows


def _rows_of_csv(content: bytes) -> Sequence[object]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise MalformedBody("the file is neither Parquet nor a text in UTF-8: expected CSV or Parquet") from None
    delimiter = max(_DELIMITERS, key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = next(reader, [])
        _check_columns(names)
        return [_row(names, values, reader.line_num) for values in reader if values]
    except csv.Error as error:
        raise MalformedBody(f"the file is no CSV: line {reader.line_num}: {error}") from None


def _row(names: Sequence[str], values: Sequence[str], line: int) -> object:
    if len(values) != len(names):
        raise MalformedBody(f"line {line} of the file has {len(values)} values: expected {len(names)}")
    return {name: value or None for name, value in zip(names, values, strict=True)}


def _rows_of_parquet(content: bytes) -> Sequence[object]:
    checked_parquet(content, MOST_LABELS)
    try:
        file = pyarrow.parquet.ParquetFile(pa.BufferReader(content))
        _check_columns(file.schema_arrow.names)
        table = file.read(use_threads=False)
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise MalformedBody(f"the file is not a valid Parquet file ({type(error).__name__})") from None
    if pa.types.is_date(table.schema.field(DATE).type):
        place = table.schema.get_field_index(DATE)
        table = table.set_column(place, DATE, table[DATE].cast(pa.date32()).cast(pa.string()))
    rows: list[object] = table.to_pylist()
    return rows


def _check_columns(names: Sequence[str]) -> None:
    if sorted(names) != sorted(FIELDS):
        raise MalformedBody(f"the file has the columns {', '.join(names)[:200]}: expected {', '.join(FIELDS)}")
