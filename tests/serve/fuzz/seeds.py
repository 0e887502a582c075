"""Good bodies to begin from: the examples that the OpenAPI page shows, and what it can't show because it is binary."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import zstandard

from fraud.features import EXAMPLE_INSTANCE, FEATURE_COUNT, FEATURE_NAMES
from serve.api.openapi.examples import BATCH, INFERENCE, INVOCATION, SINGLE, Bodies
from serve.decoding.arrow_stream import ARROW_STREAM
from serve.decoding.bounds import REQUIRED_NAMES
from serve.decoding.by_content_type import CSV, JSON, NDJSON
from tests.serve.batch_forms import EXAMPLE_ROWS, arrow_of, arrow_stream, file_of, parquet_of
from tests.serve.wire import post

NO_LENGTH = 0xFFFF
"""In front of a fuzzed inference request stand two bytes: the length of its JSON as the header has it, or this."""


def _bodies(bodies: Bodies, content_type: str) -> list[bytes]:
    values = bodies[content_type].values()
    return [value.encode() if isinstance(value, str) else json.dumps(value).encode() for value in values]


INSTANCES = _bodies(SINGLE, JSON)
BATCHES = _bodies(BATCH, JSON)
COMPACT_BATCH = json.dumps({"instances": [EXAMPLE_INSTANCE] * 3}, separators=(",", ":")).encode()
LINES = _bodies(BATCH, NDJSON)
INVOCATIONS = _bodies(INVOCATION, JSON)
TABLES = [*_bodies(INVOCATION, CSV), b",application_id," + ",".join(FEATURE_NAMES).encode() + b'\n0,"A-1"' + b",7" * 10]


def with_json_length(text: bytes, binary: bytes = b"", length: int = NO_LENGTH) -> bytes:
    """An inference request as the fuzzer writes it."""
    return struct.pack("<H", length) + text + binary


def _binary_inferences() -> list[bytes]:
    values = np.tile(list(EXAMPLE_INSTANCE.values()), (2, 1))
    whole = values.astype("<f4").tobytes()
    tensor: dict[str, Any] = {"name": "features", "shape": [2, FEATURE_COUNT], "datatype": "FP32"}
    ids = b"".join(struct.pack("<I", 3) + text for text in (b"A-1", b"A-2"))
    parts = [_binary(tensor, whole), _binary({"name": "application_id", "shape": [2], "datatype": "BYTES"}, ids)]
    columns = [
        _binary({"name": name, "shape": [2, 1], "datatype": "INT64"}, values[:, place].astype("<i8").tobytes())
        for place, name in enumerate(FEATURE_NAMES)
    ]
    return [_binary_request(parts[:1]), _binary_request(parts), _binary_request(columns)]


def _binary(tensor: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    return {**tensor, "parameters": {"binary_data_size": len(data)}}, data


def _binary_request(parts: list[tuple[dict[str, Any], bytes]]) -> bytes:
    text = json.dumps({"inputs": [tensor for tensor, _ in parts]}).encode()
    return with_json_length(text, b"".join(data for _, data in parts), len(text))


INFERENCES = [*map(with_json_length, _bodies(INFERENCE, JSON)), *_binary_inferences()]


def _arrow_streams() -> list[bytes]:
    named = [{**row, "application_id": f"A-{number}"} for number, row in enumerate(EXAMPLE_ROWS[:3])]
    whole_numbers = pa.table({name: pa.array([1, 2, 3], pa.int64()) for name in FEATURE_NAMES})
    halves = pa.table({name: pa.array(np.ones(3, np.float16)) for name in FEATURE_NAMES})
    views = {name: pa.array([1.0]) for name in FEATURE_NAMES}
    views["application_id"] = pa.array(["a text that is longer than twelve bytes"], pa.string_view())
    compressed = arrow_of(pa.table({name: [1.0] for name in FEATURE_NAMES}), compression="zstd")
    streams = [arrow_stream(EXAMPLE_ROWS[:3]), arrow_stream(named), arrow_of(whole_numbers, chunk_rows=2)]
    texts = pa.array(["A-1", "B-2", "A-1"])
    money = whole_numbers.set_column(0, FEATURE_NAMES[0], pa.array([Decimal("1.25")] * 3, pa.decimal128(9, 2)))
    missing = {name: [1.0, None] if name in OPTIONAL else [1.0, 2.0] for name in FEATURE_NAMES}
    named_by_dictionary = whole_numbers.append_column("application_id", texts.dictionary_encode())
    named_by_number = whole_numbers.append_column("applicant_ref", pa.array([1, None, 3]))
    others = [money, named_by_dictionary, named_by_number, pa.table(missing)]
    files = [file_of(whole_numbers), file_of(named_by_dictionary)]
    return [*streams, arrow_of(halves), arrow_of(pa.table(views)), compressed, *map(arrow_of, others), *files]


OPTIONAL = [name for name in FEATURE_NAMES if name not in REQUIRED_NAMES]
ARROW_STREAMS = _arrow_streams()
PARQUET_FILES = [
    parquet_of(EXAMPLE_ROWS[:3], **options)
    for options in ({}, {"compression": "none", "use_dictionary": False}, {"data_page_version": "2.0"})
] + [parquet_of([{**row, "application_id": "A-1"} for row in EXAMPLE_ROWS[:2]], compression="zstd")]
_PLAIN = [*INSTANCES, *BATCHES]
GZIPPED = [gzip.compress(body, mtime=0) for body in _PLAIN]
DEFLATED = [zlib.compress(body) for body in _PLAIN]
ZSTANDARDS = [
    *(zstandard.compress(body) for body in _PLAIN),
    zstandard.ZstdCompressor(write_content_size=False, write_checksum=True).compress(BATCHES[0]),
]

HEADERS = [
    f"content-type: {ARROW_STREAM}\ncontent-length: 120\ncontent-encoding: gzip\naccept: {ARROW_STREAM}".encode(),
    b"content-type: application/json; charset=utf-8\nx-request-id: order-17\nx-load-test: true",
    b"x-errors: report\nx-warnings: true\naccept-encoding: gzip, deflate, br, zstd",
    b"query: errors=report&warnings=true&x=%41\ncontent-type: application/jsonl",
    b"idempotency-key: a.b:c-1\ncontent-length: 12",
    b"content-type: \ninference-header-content-length: 17\naccept-encoding: gzip;q=0, deflate;q=0.5",
    b"authorization: Basic YWRtaW46cGFzc3dvcmQ=\nexpect: 100-continue\norigin: http://here",
    b'forwarded: for=203.0.113.9;proto=https, for="[2001:db8::1]:443"\nauthorization: Basic eDp5',
    b"x-forwarded-for: 203.0.113.9:1, [2001:db8::1]:2, 10.0.0.1\nauthorization: Basic eDp5",
    b"host: 10.0.0.1\nauthorization: Bearer mls_0123456789abcdef",
    b"host: ::1\nx-api-key: mls_0123456789abcdef",
]

REQUESTS = [
    post("/predict", b"{}", "X-Request-ID: order-17", "Connection: keep-alive"),
    post("/batch_predict", BATCHES[0])[:-10],
    post("/predict", b"{}", "Content-Length: 2", "Transfer-Encoding: chunked"),
    post("/predict", b"{}", "Expect: 100-continue", "Connection: Upgrade", "Upgrade: h2c") + post("/predict", b""),
    b"POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\nTrailer: 1\r\n\r\n",
    b"PURGE /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}" + post("/predict", b"{}", version="1.0"),
    b"GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + post("/", b"{}"),
]

WORDS = [
    *(name.encode() for name in FEATURE_NAMES),
    *(b'"' + name.encode() + b'":' for name in FEATURE_NAMES),
    *(
        b"application_id",
        b"applicant_ref",
        b'"index"',
        b"ARROW1",
        b'"instances"',
        b'"columns"',
        b'"data"',
        b'"inputs"',
        b"dataframe_split",
    ),
    *(
        b"NaN",
        b"Infinity",
        b"null",
        b"true",
        b"1e400",
        b"1e-400",
        b"-0",
        b"0.0",
        b"\\u0000",
        b"\\ud800",
        b"\xef\xbb\xbf",
    ),
    *(
        b'"index"',
        b"ARROW1",
        b"FP32",
        b"FP64",
        b"INT64",
        b"BYTES",
        b'"shape"',
        b"binary_data_size",
        b"\xff\xff\xff\xff",
        b"Basic ",
        b"\r\n",
    ),
]
"""What mutations put in, and libFuzzer's dictionary."""
