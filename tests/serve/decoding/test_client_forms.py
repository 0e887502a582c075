"""Bodies as clients' own tools write them, to `/batch_predict`."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from fraud.features import EXAMPLE_INSTANCE, FEATURE_NAMES
from serve.decoding import DecodedRows, decode_batch
from serve.decoding.arrow_stream import ARROW_FILE, ARROW_STREAM, LABEL_MAX_BYTES
from serve.decoding.by_content_type import BATCH_DECODERS, CSV, JSON, PARQUET
from serve.errors import InvalidInstance, MalformedBody, ServeError, UnsupportedMediaType
from tests.serve.batch_forms import EXAMPLE_ROWS, arrow_of, file_of, row_objects

MAX_ROWS = 50
FRAME = pd.DataFrame([{**row, "application_id": f"A-{number}"} for number, row in enumerate(EXAMPLE_ROWS[:5])])
TABLE = pa.Table.from_pandas(FRAME, preserve_index=False)


def decode(content_type: str, body: bytes) -> DecodedRows:
    return BATCH_DECODERS[content_type](body, MAX_ROWS)


def parquet(table: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    pa.parquet.write_table(table, file, **options)
    return file.getvalue()


def with_column(name: str, values: Any) -> Any:
    at = TABLE.column_names.index(name)
    return TABLE.set_column(at, name, values)


BODIES: dict[str, tuple[str, bytes]] = {
    "to_json split": (JSON, FRAME.to_json(orient="split").encode()),
    "to_json split, shuffled": (JSON, FRAME.sample(5, random_state=1).sort_index().to_json(orient="split").encode()),
    "to_json records": (JSON, FRAME.to_json(orient="records").encode()),
    "to_json lines": ("application/jsonl", FRAME.to_json(orient="records", lines=True).encode()),
    "to_json lines, ndjson": ("application/ndjson", FRAME.to_json(orient="records", lines=True).encode()),
    "to_csv": (CSV, FRAME.to_csv().encode()),
    "to_parquet": (PARQUET, FRAME.to_parquet()),
    "Arrow file": (ARROW_FILE, file_of(TABLE)),
    "Arrow file under the name of the stream": (ARROW_STREAM, file_of(TABLE)),
    "dictionary": (ARROW_STREAM, arrow_of(with_column("application_id", TABLE["application_id"].dictionary_encode()))),
    "dictionary, batches": (
        ARROW_STREAM,
        arrow_of(with_column("application_id", TABLE["application_id"].dictionary_encode()), chunk_rows=2),
    ),
    "dictionary in a file": (
        ARROW_FILE,
        file_of(with_column("application_id", TABLE["application_id"].dictionary_encode())),
    ),
    "dictionary in Parquet": (
        PARQUET,
        parquet(with_column("application_id", TABLE["application_id"].dictionary_encode())),
    ),
}


@pytest.mark.parametrize("form", BODIES)
def test_bodies_of_clients_decode_to_the_contracts_rows(form: str) -> None:
    expected = decode_batch(row_objects(EXAMPLE_ROWS[:5]), MAX_ROWS)
    found = decode(*BODIES[form])
    assert found.matrix.tobytes() == expected.matrix.tobytes()
    assert list(found.application_ids or ()) == list(FRAME["application_id"])


@pytest.mark.parametrize("body", [arrow_of, file_of, parquet])
@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64(), pa.int8()], ids=str)
def test_ids_that_are_integers_are_written_as_they_are(body: Callable[[Any], bytes], kind: Any) -> None:
    numbers = [7, None, 0, 127, 1]
    table = with_column("application_id", pa.array(numbers, kind))
    content_type = PARQUET if body is parquet else ARROW_STREAM
    assert decode(content_type, body(table)).application_ids == ["7", None, "0", "127", "1"]


@pytest.mark.parametrize("body", [arrow_of, parquet])
@pytest.mark.parametrize(
    "kind", [pa.decimal128(38, 10), pa.decimal128(20, 4), pa.decimal128(12, 2), pa.decimal256(60, 12)], ids=str
)
def test_a_decimal_is_rounded_to_the_nearest_as_any_number_is(body: Callable[[Any], bytes], kind: Any) -> None:
    texts = ["16777217.01", "0.1", "33554433", "1234567.89", "9007199254.99"]
    exact = [Decimal(text).quantize(Decimal(1).scaleb(-kind.scale)) for text in texts]
    table = with_column("Client_Income", pa.array(exact, kind))
    found = decode(PARQUET if body is parquet else ARROW_STREAM, body(table)).matrix[:, 0]
    rows = [{**EXAMPLE_INSTANCE, "Client_Income": float(value)} for value in exact]
    assert found.tobytes() == decode_batch(row_objects(rows), MAX_ROWS).matrix[:, 0].tobytes()


def test_decimals_may_be_missing_where_the_feature_may() -> None:
    values = pa.array([Decimal(1), None, Decimal(3), None, Decimal(5)], pa.decimal128(9, 0))
    found = decode(ARROW_STREAM, arrow_of(with_column("Credit_Bureau", values))).matrix
    assert np.isnan(found[:, FEATURE_NAMES.index("Credit_Bureau")]).tolist() == [False, True, False, True, False]


LONG = pa.DictionaryArray.from_arrays(pa.array([0] * 5, pa.int8()), pa.array(["x" * (LABEL_MAX_BYTES + 1)]))
FILE = file_of(TABLE)


def delta_stream() -> bytes:
    sink = pa.BufferOutputStream()
    batches = [
        with_column("application_id", pa.array(ids).dictionary_encode()).to_batches()[0]
        for ids in (["a"] * 5, ["a", "a", "b", "b", "b"])
    ]
    options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
    with pa.ipc.new_stream(sink, batches[0].schema, options=options) as stream:
        for batch in batches:
            stream.write_batch(batch)
    return bytes(sink.getvalue())


@pytest.mark.parametrize(
    ("content_type", "body", "fault", "message"),
    [
        pytest.param(ARROW_STREAM, delta_stream(), UnsupportedMediaType, "adds to another", id="a delta"),
        pytest.param(
            *(ARROW_STREAM, arrow_of(with_column("application_id", LONG)), InvalidInstance, "at most 64 characters"),
            id="rows that share a long text",
        ),
        pytest.param(
            ARROW_STREAM,
            arrow_of(with_column("ID_Days", TABLE["ID_Days"].dictionary_encode())),
            *(InvalidInstance, "ID_Days is of type dictionary"),
            id="a feature as a dictionary",
        ),
        pytest.param(ARROW_FILE, FILE[:-1], MalformedBody, "Arrow", id="a file without its end"),
        pytest.param(ARROW_FILE, FILE[:20], MalformedBody, "Arrow", id="a file's beginning"),
        pytest.param(ARROW_FILE, b"ARROW1", MalformedBody, "Arrow", id="a file's magic"),
        pytest.param(ARROW_FILE, FILE[:-10] + b"\xff\xff\xff\x7fARROW1", MalformedBody, "cut off", id="a long footer"),
        pytest.param(JSON, b'{"columns": [], "data": [], "indices": []}', InvalidInstance, "indices", id="no index"),
        pytest.param(JSON, b'[{"instances": []}]', InvalidInstance, "instance 0", id="a list of batches"),
        pytest.param(JSON, b'{"instances": [], "index": []}', InvalidInstance, "expected {", id="objects and an index"),
    ],
)
def test_a_malformed_table_is_refused(content_type: str, body: bytes, fault: type[ServeError], message: str) -> None:
    with pytest.raises(fault, match=message):
        decode(content_type, body)


def test_a_frame_with_nulls_goes_through_every_tool() -> None:
    frame = FRAME.assign(Credit_Bureau=[1.0, np.nan, 3.0, np.nan, 5.0])
    expected = decode(JSON, json.dumps({"instances": frame.replace({np.nan: None}).to_dict("records")}).encode())
    for content_type, body in (
        (JSON, frame.to_json(orient="split").encode()),
        (JSON, frame.to_json(orient="records").encode()),
        ("application/jsonl", frame.to_json(orient="records", lines=True).encode()),
        (CSV, frame.to_csv(index=False).encode()),
        (PARQUET, frame.to_parquet()),
        (ARROW_STREAM, arrow_of(pa.Table.from_pandas(frame, preserve_index=False))),
        (ARROW_STREAM, arrow_of(pa.Table.from_pandas(frame.convert_dtypes(), preserve_index=False))),
    ):
        assert decode(content_type, body).matrix.tobytes() == expected.matrix.tobytes(), content_type
