"""Parquet files: what pandas and others write, and what a few bytes of one could ask for."""

from __future__ import annotations

import struct
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from fraud.features import EXAMPLE_INSTANCE, FEATURE_NAMES
from serve.decoding import decode_batch, parquet_pages
from serve.decoding.parquet_pages import INFLATED_MAX_BYTES
from serve.decoding.parquet_table import FOOTER_MAX_BYTES, decode_parquet
from serve.decoding.thrift_compact import NotThrift, read_struct
from serve.errors import BodyTooLarge, InvalidInstance, MalformedBody, ServeError, UnsupportedMediaType
from tests.serve.batch_forms import EXAMPLE_ROWS, row_objects

MAX_ROWS = 50
FRAME = pd.DataFrame(EXAMPLE_ROWS)
IDS = ["A-1", None, *["B"] * (len(FRAME) - 2)]
NAMED = FRAME.assign(application_id=pd.Series(IDS, FRAME.index, object)).set_index(FRAME.index + 7)


def of_frame(frame: pd.DataFrame, **options: Any) -> bytes:
    file = BytesIO()
    frame.to_parquet(file, **options)
    return file.getvalue()


def of_columns(rows: int = 3, **columns: Any) -> bytes:
    plain = {name: pa.array([EXAMPLE_INSTANCE[name]] * rows, pa.float64()) for name in FEATURE_NAMES}
    return of_table(pa.table(plain | columns))


def of_table(table: Any, **options: Any) -> bytes:
    file = BytesIO()
    pyarrow.parquet.write_table(table, file, **options)
    return file.getvalue()


OPTIONS: list[dict[str, Any]] = [
    *({"compression": codec} for codec in (None, "snappy", "gzip", "brotli", "zstd", "lz4")),
    {"index": True},
    {"index": False},
    {"row_group_size": 7},
    {"use_dictionary": False},
    {"data_page_version": "2.0", "compression": "zstd"},
    {"data_page_size": 64, "use_dictionary": False},
    {"use_byte_stream_split": True, "use_dictionary": False},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_files_of_pandas_are_read(options: dict[str, Any]) -> None:
    expected = decode_batch(row_objects(EXAMPLE_ROWS), MAX_ROWS).matrix.tobytes()
    plain = decode_parquet(of_frame(FRAME[FRAME.columns[::-1]], **options), MAX_ROWS)
    assert (plain.matrix.tobytes(), plain.application_ids) == (expected, None)
    if "use_byte_stream_split" in options:  # not for text
        return
    named = decode_parquet(of_frame(NAMED, **options), MAX_ROWS)
    assert named.matrix.tobytes() == expected
    assert named.application_ids == IDS


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
def test_any_text_type_is_an_application_id(kind: Any) -> None:
    body = of_columns(application_id=pa.array(["A", None, "C" * 40], kind))
    assert decode_parquet(body, MAX_ROWS).application_ids == ["A", None, "C" * 40]


@pytest.mark.parametrize("kind", ["int8", "uint64", "float16", "float32", "float64"])
def test_any_numeric_type_is_read(kind: str) -> None:
    body = of_columns(Credit_Bureau=pa.array(np.array([0, 1, 120], kind)))
    assert list(decode_parquet(body, MAX_ROWS).matrix[:, FEATURE_NAMES.index("Credit_Bureau")]) == [0, 1, 120]


PLAIN = of_columns()


@pytest.mark.parametrize(
    ("content", "fault", "message"),
    [
        pytest.param(b"", MalformedBody, "not a Parquet", id="nothing"),
        pytest.param(b"PAR1", MalformedBody, "not a Parquet", id="its beginning"),
        pytest.param(PLAIN[:-4], MalformedBody, "cut off", id="cut off"),
        pytest.param(PLAIN[:4] + PLAIN[200:], MalformedBody, "Parquet", id="a stretch is missing"),
        pytest.param(of_columns(0), InvalidInstance, "is empty", id="no rows"),
        pytest.param(of_columns(MAX_ROWS + 1), BodyTooLarge, "51", id="a row too many"),
        pytest.param(of_columns(Shoe_Size=[1, 2, 3]), InvalidInstance, "Shoe_Size", id="an unknown column"),
        pytest.param(of_columns(ID_Days=["a"] * 3), InvalidInstance, "ID_Days is of type string", id="text"),
        pytest.param(of_columns(ID_Days=[[1]] * 3), InvalidInstance, "ID_Days is of type list", id="lists"),
        pytest.param(of_columns(ID_Days=[1, None, 3]), InvalidInstance, "ID_Days is null", id="a null"),
        pytest.param(of_columns(ID_Days=[1, -1, 3]), InvalidInstance, "ID_Days is -1", id="a negative number"),
        pytest.param(of_columns(application_id=["a\nb"] * 3), InvalidInstance, "application_id of", id="a bad id"),
        pytest.param(of_columns(application_id=[b"a"] * 3), InvalidInstance, "is of type binary", id="bytes as ids"),
        pytest.param(
            of_frame(FRAME.drop(columns="ID_Days")), InvalidInstance, "column ID_Days is missing", id="a column less"
        ),
        pytest.param(
            of_frame(FRAME.set_index("ID_Days")),
            InvalidInstance,
            "column ID_Days is missing",
            id="a feature as the index",
        ),
    ],
)
def test_a_bad_file_is_refused(content: bytes, fault: type[ServeError], message: str) -> None:
    with pytest.raises(fault, match=message):
        decode_parquet(content, MAX_ROWS)


def with_one_long_text(rows: int, size: int) -> bytes:
    """As a dictionary of one text, to which all rows point."""
    pointers = pa.array(np.zeros(rows, np.int32))
    return of_columns(rows, application_id=pa.DictionaryArray.from_arrays(pointers, pa.array(["a" * size])))


def without_type(body: bytes) -> bytes:
    """As a writer that saves no Arrow schema would leave it."""
    return of_table(pyarrow.parquet.read_table(BytesIO(body)), store_schema=False)


def with_shared_prefixes() -> bytes:
    plain = {name: pa.array([EXAMPLE_INSTANCE[name]] * 3) for name in FEATURE_NAMES}
    return of_table(
        pa.table(plain | {"application_id": ["a", "ab", "abc"]}),
        use_dictionary=False,
        column_encoding={"application_id": "DELTA_BYTE_ARRAY"},
    )


@pytest.mark.parametrize(
    ("content", "fault", "message"),
    [
        pytest.param(
            lambda: without_type(with_one_long_text(40, 2**20)), InvalidInstance, "at most 64 ch", id="one long text"
        ),
        pytest.param(
            lambda: of_columns(1, application_id=["a" * (INFLATED_MAX_BYTES + 1)]),
            BodyTooLarge,
            "decompressed",
            id="bomb",
        ),
        pytest.param(with_shared_prefixes, UnsupportedMediaType, "encoding 7", id="texts that share their beginnings"),
        pytest.param(
            lambda: of_table(pa.table({"a": [1]}).replace_schema_metadata({"a": "b" * FOOTER_MAX_BYTES})),
            *(BodyTooLarge, "footer"),
            id="a long footer",
        ),
    ],
)
def test_a_decompression_bomb_is_refused(content: Callable[[], bytes], fault: type[ServeError], message: str) -> None:
    with pytest.raises(fault, match=message):
        decode_parquet(content(), MAX_ROWS)


def test_pages_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_pages, "MAX_PAGES", 19)
    with pytest.raises(BodyTooLarge, match="19 pages"):
        decode_parquet(PLAIN, MAX_ROWS)


@pytest.mark.parametrize("damage", range(4, 40))
def test_a_damaged_page_header_is_at_worst_refused(damage: int) -> None:
    for value in (0, 1, 0x15, 0x7F, 0xFF):
        spoilt = bytearray(PLAIN)
        spoilt[damage] = value
        try:
            rows = decode_parquet(bytes(spoilt), MAX_ROWS)
        except (MalformedBody, BodyTooLarge, UnsupportedMediaType, InvalidInstance):
            continue
        assert len(rows.matrix) == 3


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        pytest.param(b"\x15\x04\x15\x01\x00", {1: 2, 2: -1}, id="integers"),
        pytest.param(b"\x05\x04\x04\x00", {2: 2}, id="a field's number in full"),
        pytest.param(b"\x1c\x15\x04\x00\x00", {1: {1: 2}}, id="a struct"),
        pytest.param(b"\x11\x18\x02ab\x17" + b"x" * 8 + b"\x15\x02\x00", {2: b"ab", 4: 1}, id="passed over"),
        pytest.param(b"\x19\x25\x02\x04\x19\x21\x01\x02\x15\x02\x00", {1: [1, 2], 2: [], 3: 1}, id="lists"),
        pytest.param(b"\x19\x1c\x15\x04\x00\x00", {1: [{1: 2}]}, id="a list of structs"),
    ],
)
def test_thrift_is_read(data: bytes, fields: dict[int, Any]) -> None:
    assert read_struct(memoryview(data + b"rest"), 0) == (fields, len(data))


@pytest.mark.parametrize(
    "data",
    [b"", b"\x15", b"\x15\x80", b"\x15" + b"\xff" * 11, b"\x15\xff\xff\xff\xff\xff\x01\x00", b"\x1c" * 20, b"\x1b\x00"],
    ids=["nothing", "cut off", "a number that is cut off", "without end", "beyond 32 bits", "deep", "a map"],
)
def test_malformed_thrift_is_refused(data: bytes) -> None:
    with pytest.raises(NotThrift):
        read_struct(memoryview(data), 0)


def test_a_long_list_ends_with_the_data() -> None:
    with pytest.raises(NotThrift):
        read_struct(memoryview(b"\x19\xf3" + struct.pack("5B", *[255] * 4, 127) + b"\x00" * 10), 0)
