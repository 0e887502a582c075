"""One batch in every form that `/batch_predict` reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from fraud.features import EXAMPLE_INSTANCE
from serve.decoding.arrow_stream import ARROW_STREAM
from serve.decoding.by_content_type import JSON, NDJSON

Row = Mapping[str, Any]

EXAMPLE_ROWS: Sequence[Row] = [
    {**EXAMPLE_INSTANCE, "Age_Days": 7400.0 + 400 * number, "Credit_Amount": 8000.5 + 100 * number}
    for number in range(40)
]


def row_objects(rows: Sequence[Row]) -> bytes:
    return json.dumps({"instances": list(rows)}).encode()


def row_arrays(rows: Sequence[Row]) -> bytes:
    names = list(rows[0])
    return json.dumps({"data": [[row[name] for name in names] for row in rows], "columns": names}).encode()


def columns(rows: Sequence[Row]) -> bytes:
    return json.dumps({"columns": {name: [row[name] for row in rows] for name in rows[0]}}).encode()


def ndjson(rows: Sequence[Row]) -> bytes:
    return b"\n".join(json.dumps(row).encode() for row in rows)


def arrow_stream(rows: Sequence[Row]) -> bytes:
    return arrow_of(pa.table({name: [row[name] for row in rows] for name in rows[0]}))


def arrow_of(table: Any, chunk_rows: int | None = None, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as stream:
        stream.write_table(table, max_chunksize=chunk_rows)
    return bytes(sink.getvalue())


def file_of(table: Any, chunk_rows: int | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as file:
        file.write_table(table, max_chunksize=chunk_rows)
    return bytes(sink.getvalue())


def parquet_of(rows: Sequence[Row], **options: Any) -> bytes:
    file = BytesIO()
    pyarrow.parquet.write_table(pa.Table.from_pylist(list(rows)), file, **options)
    return file.getvalue()


FORMS: dict[str, tuple[str, Callable[[Sequence[Row]], bytes]]] = {
    "row objects": (JSON, row_objects),
    "row arrays": (JSON, row_arrays),
    "columns": (JSON, columns),
    "ndjson": (NDJSON, ndjson),
    "arrow": (ARROW_STREAM, arrow_stream),
}
