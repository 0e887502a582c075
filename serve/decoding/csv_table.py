"""Comma-separated values with a header line, as `pandas.DataFrame.to_csv` writes them (RFC 4180), to rows."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv

from fraud.features import FEATURE_NAMES
from serve.decoding.arrow_stream import rows_of_table
from serve.decoding.bounds import check_header, check_row_count
from serve.decoding.checked_rows import checked_rows
from serve.decoding.matrix import matrix_of_columns
from serve.decoding.rows import LABELS, DecodedRows, label_faults
from serve.errors import InvalidInstance, MalformedBody, RowFault

_TYPES: Final = {**dict.fromkeys(FEATURE_NAMES, pa.float64()), **dict.fromkeys(LABELS, pa.string())}
_HEADER_ROWS: Final = 1
_UNREAD: Final = object()

# Arrow counts rows from 1, including the header, and skips blank lines.
_BAD_VALUE: Final = re.compile(r"In CSV column #(?P<column>\d+): Row #(?P<row>\d+): ")
_BAD_ROW: Final = re.compile(
    r"CSV parse error: Row #(?P<row>\d+): Expected (?P<expected>\d+) columns, got (?P<found>\d+)"
)


def decode_csv(body: bytes, max_rows: int) -> DecodedRows:
    """A table with the features, and optionally labels, in any order -> rows. A first column without a name is the
    index that pandas writes; it is ignored.

    Raises:
        MalformedBody: not a CSV table.
        InvalidInstance: a column is missing or unknown, a value is not a number, out of bounds or missing but required;
            or there is no row.
        BodyTooLarge: more than `max_rows` rows.
    """
    names = header_of(body)
    columns = columns_of(names)
    check_header(columns)
    try:
        # One thread: otherwise Arrow does not say which row is at fault.
        table = _read(body, columns, _TYPES)
    except (pa.ArrowException, OSError, ValueError) as error:
        fault = _explain(str(error), names)
    else:
        return rows_of_table(table, max_rows)
    if isinstance(fault, InvalidInstance):
        _refuse_faulty_lines(body, names, columns, max_rows)
    raise fault


def columns_of(names: Sequence[str]) -> Sequence[str]:
    """The columns that a header names, without the index that pandas writes."""
    return names[1:] if names[:1] == [""] else names


def _read(body: bytes, columns: Sequence[str], types: Mapping[str, Any], **parsing: Any) -> Any:
    return pyarrow.csv.read_csv(
        pa.BufferReader(body),
        read_options=pyarrow.csv.ReadOptions(use_threads=False),
        parse_options=pyarrow.csv.ParseOptions(**parsing),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=types, include_columns=columns, null_values=[""], strings_can_be_null=True
        ),
    )


def _refuse_faulty_lines(body: bytes, names: list[str], columns: Sequence[str], max_rows: int) -> None:
    """Name every invalid line, if the table could not be read as a whole.

    Raises:
        FaultyRows: there are such lines, and they could be separated.
    """
    skipped: list[Any] = []

    def note(line: Any) -> str:
        skipped.append((line.number - 1 - _HEADER_ROWS, line.actual_columns))
        return "skip"

    try:
        body.decode()  # Arrow passes the line as text, and prints to the console if it is not valid UTF-8
        texts = _read(body, columns, dict.fromkeys(columns, pa.binary()), invalid_row_handler=note)
    except (pa.ArrowException, OSError, ValueError):
        return
    rows = texts.num_rows + len(skipped)
    check_row_count(rows, max_rows)
    faults = {
        row: RowFault(row, None, f"instance {row} has {found} values, expected {len(names)}") for row, found in skipped
    }
    places = [row for row in range(rows) if row not in faults]
    values: dict[str, list[Any]] = {}
    for name in columns:
        values[name] = [None] * rows
        for row, value in zip(places, _read_values(name, texts.column(name)), strict=True):
            if value is _UNREAD:
                faults.setdefault(row, _fault_at(row, name))
            else:
                values[name][row] = value
    numbers = {name: np.array(values[name], np.float64) for name in FEATURE_NAMES if name in values}
    labels = {name: values[name] for name in LABELS if name in values}
    checked_rows(matrix_of_columns(numbers, rows), labels, label_faults(labels) | faults)


def _read_values(name: str, texts: Any) -> list[Any]:
    """The values of a column; `_UNREAD` for unreadable ones."""
    try:
        values: list[Any] = texts.cast(pa.string()).cast(_TYPES[name]).to_pylist()
    except pa.ArrowException:
        # One fault makes the whole column unreadable: read each half separately.
        if len(texts) == 1:
            return [_UNREAD]
        half = len(texts) // 2
        return [*_read_values(name, texts.slice(0, half)), *_read_values(name, texts.slice(half))]
    return values


def _fault_at(row: int, name: str) -> RowFault:
    expected = "UTF-8 text" if name in LABELS else "a number"
    return RowFault(row, name, f"{name} of instance {row}: expected {expected}")


def header_of(body: bytes) -> list[str]:
    """The names in the header line.

    Raises:
        MalformedBody: it can't be read.
    """
    line = body.lstrip(b"\r\n").partition(b"\n")[0]
    try:
        return next(csv.reader([line.decode("utf-8-sig").rstrip("\r")], strict=True), [])
    except (csv.Error, UnicodeDecodeError) as error:
        raise MalformedBody(f"the header line can't be read ({type(error).__name__})") from None


def _explain(message: str, names: list[str]) -> InvalidInstance | MalformedBody:
    """The fault without Arrow's message, which quotes the value."""
    if value := _BAD_VALUE.match(message):
        fault = _fault_at(int(value["row"]) - 1 - _HEADER_ROWS, names[int(value["column"])])
        return InvalidInstance(fault.message, fault.instance, fault.field)
    if line := _BAD_ROW.match(message):
        row = int(line["row"]) - 1 - _HEADER_ROWS
        return InvalidInstance(f"instance {row} has {line['found']} values, expected {line['expected']}", row)
    return MalformedBody("the body is not a valid CSV table")
