"""Comma-separated values with a header line, as `pandas.DataFrame.to_csv` writes them (RFC 4180), to rows."""

from __future__ import annotations

import csv
import re
from typing import Final

import pyarrow as pa
import pyarrow.csv

from fraud.features import FEATURE_NAMES
from serve.decoding.arrow_stream import rows_of_table
from serve.decoding.bounds import check_header
from serve.decoding.rows import LABELS, DecodedRows
from serve.errors import InvalidInstance, MalformedBody

_TYPES: Final = {**dict.fromkeys(FEATURE_NAMES, pa.float64()), **dict.fromkeys(LABELS, pa.string())}
_HEADER_ROWS: Final = 1

# Arrow counts rows from 1, the header among them, and leaves blank lines out.
_BAD_VALUE: Final = re.compile(r"In CSV column #(?P<column>\d+): Row #(?P<row>\d+): ")
_BAD_ROW: Final = re.compile(
    r"CSV parse error: Row #(?P<row>\d+): Expected (?P<expected>\d+) columns, got (?P<found>\d+)"
)


def decode_csv(body: bytes, max_rows: int) -> DecodedRows:
    """A table with the features, and perhaps labels, in any order -> rows.

    A first column without a name is the index that pandas writes, and is left out.

    Raises:
        MalformedBody: no table.
        InvalidInstance: a column is missing or unknown, a value is no number, out of bounds, or missing where it may
            not be; or there is no row.
        BodyTooLarge: more than `max_rows` rows.
    """
    names = _header(body)
    columns = names[1:] if names[:1] == [""] else names
    check_header(columns)
    try:
        # One thread: only then does Arrow say which row is at fault.
        table = pyarrow.csv.read_csv(
            pa.BufferReader(body),
            read_options=pyarrow.csv.ReadOptions(use_threads=False),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=_TYPES, include_columns=columns, null_values=[""], strings_can_be_null=True
            ),
        )
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _explain(str(error), names) from None
    return rows_of_table(table, max_rows)


def _header(body: bytes) -> list[str]:
    line = body.lstrip(b"\r\n").partition(b"\n")[0]
    try:
        return next(csv.reader([line.decode("utf-8-sig").rstrip("\r")], strict=True), [])
    except (csv.Error, UnicodeDecodeError) as error:
        raise MalformedBody(f"the header line can't be read ({type(error).__name__})") from None


def _explain(message: str, names: list[str]) -> InvalidInstance | MalformedBody:
    """The fault without Arrow's own words, which quote the value."""
    if value := _BAD_VALUE.match(message):
        row, name = int(value["row"]) - 1 - _HEADER_ROWS, names[int(value["column"])]
        expected = "UTF-8 text" if name in LABELS else "a number"
        return InvalidInstance(f"{name} of instance {row}: expected {expected}", row, name)
    if line := _BAD_ROW.match(message):
        row = int(line["row"]) - 1 - _HEADER_ROWS
        return InvalidInstance(f"instance {row} has {line['found']} values, expected {line['expected']}", row)
    return MalformedBody("the body is not a valid CSV table")
