"""Whatever bytes arrive, a decoder gives valid rows or refuses with an error of the caller; it never breaks."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fraud.features import EXAMPLE_INSTANCE, FEATURE_COUNT, FEATURE_NAMES
from serve.api.inference_v2.requests import decode_request
from serve.decoding import DecodedRows, decode_instance
from serve.decoding.arrow_stream import decode_arrow
from serve.decoding.csv_table import decode_csv
from serve.decoding.json_batch import decode_batch
from serve.decoding.mlflow_json import decode_invocation
from serve.decoding.parquet_table import decode_parquet
from serve.decoding.row_objects import decode_lines
from serve.errors import BodyTooLarge, InvalidInstance, MalformedBody, MalformedHeader, UnsupportedMediaType
from tests.serve.batch_forms import FORMS, parquet_of

MAX_ROWS = 50
ROWS = [{**EXAMPLE_INSTANCE, "application_id": f"A-{number}"} for number in range(3)]
VALUES = [[row[name] for name in FEATURE_NAMES] for row in ROWS]


def decode_inference(body: bytes) -> DecodedRows:
    return decode_request(body, None, MAX_ROWS)[1]


def decode_binary_inference(body: bytes) -> DecodedRows:
    return decode_request(body, str(len(BINARY_TEXT)), MAX_ROWS)[1]


TENSOR = {"name": "features", "shape": [3, 10], "datatype": "FP64"}
BINARY_TEXT = json.dumps({"inputs": [TENSOR | {"parameters": {"binary_data_size": 240}}]}).encode()

# Each decoder with a body that it reads.
DECODERS: dict[str, tuple[Callable[[bytes], DecodedRows], bytes]] = {
    "instance": (decode_instance, json.dumps(ROWS[0]).encode()),
    "row objects": (lambda body: decode_batch(body, MAX_ROWS), FORMS["row objects"][1](ROWS)),
    "row arrays": (lambda body: decode_batch(body, MAX_ROWS), FORMS["row arrays"][1](ROWS)),
    "columns": (lambda body: decode_batch(body, MAX_ROWS), FORMS["columns"][1](ROWS)),
    "ndjson": (lambda body: decode_lines(body, MAX_ROWS), FORMS["ndjson"][1](ROWS)),
    "arrow": (lambda body: decode_arrow(body, MAX_ROWS), FORMS["arrow"][1](ROWS)),
    "inference": (decode_inference, json.dumps({"inputs": [TENSOR | {"data": VALUES}]}).encode()),
    "binary inference": (decode_binary_inference, BINARY_TEXT + np.array(VALUES, dtype="<f8").tobytes()),
    "invocation": (lambda body: decode_invocation(body, MAX_ROWS), json.dumps({"inputs": ROWS}).encode()),
    "Parquet": (lambda body: decode_parquet(body, MAX_ROWS), parquet_of(ROWS)),
    "CSV": (
        lambda body: decode_csv(body, MAX_ROWS),
        ",".join(FEATURE_NAMES).encode() + b"".join(f"\n{str(row)[1:-1]}".encode() for row in VALUES),
    ),
}
REFUSALS = (MalformedBody, MalformedHeader, InvalidInstance, BodyTooLarge, UnsupportedMediaType)
every_decoder = pytest.mark.parametrize("name", DECODERS)


def check(name: str, body: bytes) -> None:
    try:
        decoded = DECODERS[name][0](body)
    except REFUSALS:
        return
    assert decoded.matrix.shape[1] == FEATURE_COUNT
    assert decoded.matrix.dtype == np.float32
    assert np.isfinite(decoded.matrix).all()
    assert (decoded.matrix >= 0).all()
    assert decoded.application_ids is None or len(decoded.application_ids) == len(decoded.matrix)


@every_decoder
def test_the_body_that_is_damaged_below_is_a_good_one(name: str) -> None:
    decode, body = DECODERS[name]
    assert len(decode(body).matrix) == (1 if name == "instance" else 3)


@every_decoder
@settings(deadline=None)
@given(body=st.binary(max_size=300))
@example(body=b"[" * 100_000)
@example(body=b'{"inputs":' + b"[" * 100_000)
@example(body=b'{"columns": [], "data":' + b'{"a":' * 100_000)
@example(body=b'{"parameters": {"x": ' + b"[" * 100_000)
@example(body=b'{"instances": [{"Age_Days": ' + b"9" * 100_000)
@example(body=b'{"instances": [NaN, ' + b"9" * 10_000 + b"]}")
def test_any_bytes_are_at_worst_refused(name: str, body: bytes) -> None:
    check(name, body)


@every_decoder
@settings(deadline=None)
@given(data=st.data())
def test_a_damaged_body_is_at_worst_refused(name: str, data: st.DataObject) -> None:
    body = bytearray(DECODERS[name][1])
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(body) - 1))
        match data.draw(st.sampled_from(["change", "remove", "insert", "cut"])):
            case "change":
                body[position] = data.draw(st.integers(0, 255))
            case "remove":
                del body[position : position + data.draw(st.integers(1, 8))]
            case "insert":
                body[position:position] = data.draw(st.binary(max_size=8))
            case "cut":
                del body[position + 1 :]
        if not body:
            break
    check(name, bytes(body))
