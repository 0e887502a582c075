"""Arrow streams: every numeric type, nulls, chunks, and what a sender could do to us."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fraud.features import EXAMPLE_INSTANCE, FEATURE_NAMES
from serve.decoding.arrow_stream import MAX_BATCHES, METADATA_MAX_BYTES, decode_arrow
from serve.decoding.json_batch import decode_batch
from serve.errors import BodyTooLarge, InvalidInstance, MalformedBody, ServeError, UnsupportedMediaType
from serve.scoring.encoding import encode_arrow
from tests.serve.batch_forms import EXAMPLE_ROWS, arrow_of, row_objects

MAX_ROWS = 50


def table(rows: int = 3, **columns: Any) -> Any:
    plain = {name: pa.array([EXAMPLE_INSTANCE[name]] * rows) for name in FEATURE_NAMES}
    return pa.table(plain | columns)


SIGNED = [pa.int8(), pa.int16(), pa.int32(), pa.int64()]
UNSIGNED = [pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
FLOATING = [pa.float16(), pa.float32(), pa.float64()]


@pytest.mark.parametrize("kind", [*SIGNED, *UNSIGNED, *FLOATING], ids=str)
def test_any_numeric_type_is_read(kind: Any) -> None:
    column = pa.array(np.array([0, 1, 120], dtype=kind.to_pandas_dtype()), kind)
    decoded = decode_arrow(arrow_of(table(Credit_Bureau=column)), MAX_ROWS)
    assert list(decoded.matrix[:, FEATURE_NAMES.index("Credit_Bureau")]) == [0, 1, 120]


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64()], ids=str)
def test_large_integers_are_rounded_as_json_rounds_them(kind: Any) -> None:
    # Rounded once, straight to float32, this one would go up; by way of float64 it is a tie and goes to even: down.
    value = 2**60 + 2**36 + 1
    assert np.float32(np.float64(value)) != np.int64(value).astype(np.float32)
    arrow = decode_arrow(arrow_of(table(1, Client_Income=pa.array([value], kind))), MAX_ROWS)
    json = decode_batch(row_objects([{**EXAMPLE_INSTANCE, "Client_Income": value}]), MAX_ROWS)
    assert arrow.matrix.tobytes() == json.matrix.tobytes()


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
def test_any_text_type_is_an_application_id(kind: Any) -> None:
    decoded = decode_arrow(arrow_of(table(application_id=pa.array(["A", None, "C" * 40], kind))), MAX_ROWS)
    assert decoded.application_ids == ["A", None, "C" * 40]


def test_chunks_are_one_batch_and_a_null_is_counted_across_them() -> None:
    ages = pa.array([1.0, 2.0, 3.0, 4.0, None, 6.0])
    whole = table(6, Age_Days=pa.array([1.0, 2, 3, 4, 5, 6]))
    assert list(decode_arrow(arrow_of(whole, chunk_rows=2), MAX_ROWS).matrix[:, 3]) == [1, 2, 3, 4, 5, 6]
    with pytest.raises(InvalidInstance, match="Age_Days is null") as caught:
        decode_arrow(arrow_of(table(6, Age_Days=ages), chunk_rows=2), MAX_ROWS)
    assert (caught.value.instance, caught.value.field) == (4, "Age_Days")


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(pa.array(["1", "2", "3"]), id="text"),
        pytest.param(pa.array([True, False, True]), id="bool"),
        pytest.param(pa.array([1, 2, 3], pa.date32()), id="dates"),
        pytest.param(pa.array([None, None, None]), id="nulls"),
        pytest.param(pa.array([[1.0]] * 3), id="lists"),
        pytest.param(pa.array([1.0, 1.0, 1.0]).dictionary_encode(), id="a dictionary"),
    ],
)
def test_another_type_is_refused_by_name(column: Any) -> None:
    with pytest.raises(InvalidInstance, match="ID_Days is of type") as caught:
        decode_arrow(arrow_of(table(ID_Days=column)), MAX_ROWS)
    assert caught.value.field == "ID_Days"


PLAIN = arrow_of(table())


def with_unverified_header() -> bytes:
    """The first message says that it is of an unknown type, so that Arrow does not verify what its header is."""
    stream = bytearray(PLAIN)
    table = 8 + int.from_bytes(PLAIN[8:12], "little")
    slots = table - int.from_bytes(PLAIN[table : table + 4], "little", signed=True)
    kind, header = (table + int.from_bytes(PLAIN[slots + at : slots + at + 2], "little") for at in (6, 8))
    assert stream[kind] == 1, "a schema"
    stream[kind] = 200
    stream[header : header + 4] = (100).to_bytes(4, "little")  # amid other data: read as a schema, it crashes
    return bytes(stream)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        pytest.param(b"", MalformedBody, id="empty"),
        pytest.param(b'{"instances": []}', MalformedBody, id="JSON"),
        pytest.param(PLAIN[: len(PLAIN) // 2], MalformedBody, id="cut off"),
        pytest.param(PLAIN + b"\x00", MalformedBody, id="a byte too many"),
        pytest.param(PLAIN + PLAIN, MalformedBody, id="two streams"),
        pytest.param(with_unverified_header(), MalformedBody, id="an unknown message where the schema should be"),
        pytest.param(arrow_of(table(), compression="zstd"), UnsupportedMediaType, id="compressed inside: zstd"),
        pytest.param(arrow_of(table(), compression="lz4"), UnsupportedMediaType, id="compressed inside: LZ4"),
        pytest.param(arrow_of(table(0)), InvalidInstance, id="no rows"),
        pytest.param(arrow_of(table(MAX_ROWS + 1)), BodyTooLarge, id="one row too many"),
        pytest.param(arrow_of(table(MAX_ROWS + 1), chunk_rows=10), BodyTooLarge, id="one row too many, in chunks"),
    ],
)
def test_a_bad_stream_is_refused(content: bytes, fault: type[ServeError]) -> None:
    with pytest.raises(fault):
        decode_arrow(content, MAX_ROWS)


def batches(number: int, rows: int = 0, **metadata: bytes) -> bytes:
    """A stream of as many batches; the metadata are those of the schema."""
    schema = table().schema.with_metadata({name.encode(): value for name, value in metadata.items()} or None)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as stream:
        batch = pa.RecordBatch.from_arrays(
            [pa.array([EXAMPLE_INSTANCE[name]] * rows, pa.float64()) for name in FEATURE_NAMES], FEATURE_NAMES
        )
        for _ in range(number):
            stream.write_batch(batch.cast(schema))
    return bytes(sink.getvalue())


def with_metadata(size: int) -> bytes:
    """A stream whose one batch carries metadata of its own."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table().schema) as stream:
        stream.write_batch(table().to_batches()[0], custom_metadata={"a": "b" * size})
    return bytes(sink.getvalue())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(lambda: batches(MAX_BATCHES + 1), "record batches", id="empty batches"),
        pytest.param(lambda: batches(MAX_BATCHES + 1, 1), "record batches", id="batches of a row"),
        pytest.param(lambda: batches(1, 1, a=bytes(METADATA_MAX_BYTES)), "metadata", id="metadata of the schema"),
        pytest.param(lambda: with_metadata(METADATA_MAX_BYTES), "metadata", id="metadata of a batch"),
        pytest.param(
            lambda: arrow_of(table(**{f"column {n}": pa.array([1.0] * 3) for n in range(2000)})),
            "metadata",
            id="columns",
        ),
    ],
)
def test_an_expensive_stream_is_refused_at_once(content: Callable[[], bytes], message: str) -> None:
    with pytest.raises(BodyTooLarge, match=message):
        decode_arrow(content(), 100_000)


def test_the_most_batches_allowed_are_read() -> None:
    assert len(decode_arrow(batches(MAX_BATCHES, 1), 100_000).matrix) == MAX_BATCHES
    with pytest.raises(InvalidInstance, match="empty"):
        decode_arrow(batches(MAX_BATCHES), MAX_ROWS)


def views(lengths: list[int], data: bytes, valid: bytes | None = None) -> Any:
    """Texts that all begin with the data, as `string_view`; a view holds the first four bytes of its text."""
    (start,) = np.frombuffer(data[:4], "<i4")
    parts = np.array([[length, start, 0, 0] for length in lengths], "<i4")
    buffers = [valid and pa.py_buffer(valid), pa.py_buffer(parts.tobytes()), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.string_view(), len(lengths), buffers)


def test_texts_that_share_their_bytes_are_not_read_before_their_lengths() -> None:
    """Each of many rows names the same megabytes: some kB a row to send, hours to read."""
    data = b"a" * 2**20
    with pytest.raises(InvalidInstance, match="application_id of instance 1: expected at most 64 characters") as caught:
        decode_arrow(arrow_of(table(3, application_id=views([20, len(data), 20], data))), MAX_ROWS)
    assert (caught.value.instance, caught.value.field) == (1, "application_id")
    ids = decode_arrow(arrow_of(table(3, application_id=views([64, 13, len(data)], data, b"\3"))), MAX_ROWS)
    assert ids.application_ids == ["a" * 64, "a" * 13, None]


def test_text_that_is_no_utf8_is_refused() -> None:
    broken = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")])
    with pytest.raises(MalformedBody):
        decode_arrow(arrow_of(table(1, application_id=broken)), MAX_ROWS)


def test_probabilities_come_back_to_the_bit() -> None:
    probabilities = np.array([0.1, 1e-7, 3.0e-39, 1.0], dtype=np.float32)
    answer = pa.ipc.open_stream(encode_arrow(probabilities)).read_all()
    assert answer.schema.names == ["probability"]
    assert answer.column("probability").to_numpy().tobytes() == probabilities.tobytes()


def test_the_example_rows_are_the_same_in_arrow_and_json() -> None:
    arrow = decode_arrow(arrow_of(pa.Table.from_pylist(list(EXAMPLE_ROWS))), MAX_ROWS)
    assert arrow.matrix.tobytes() == decode_batch(row_objects(EXAMPLE_ROWS), MAX_ROWS).matrix.tobytes()
