"""Requests of the Open Inference Protocol become the same rows as the contract's, or are refused by name."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud.features import EXAMPLE_INSTANCE, FEATURE_NAMES
from serve.api.inference_v2.requests import decode_request
from serve.decoding import decode_batch
from serve.errors import BodyTooLarge, InvalidInstance, MalformedBody, MalformedHeader, ServeError
from tests.serve.batch_forms import EXAMPLE_ROWS, row_objects

MAX_ROWS = 50
MATRIX = np.array([[row[name] for name in FEATURE_NAMES] for row in EXAMPLE_ROWS])
TYPES = {"FP32": np.float32, "FP64": np.float64, "INT32": np.int32, "INT64": np.int64}


def tensor(name: str, values: Any, datatype: str, **members: Any) -> dict[str, Any]:
    return {"name": name, "shape": list(np.shape(values)), "datatype": datatype} | members


def in_json(inputs: list[dict[str, Any]], **members: Any) -> tuple[bytes, None]:
    return json.dumps({"inputs": inputs} | members).encode(), None


def with_binary(inputs: list[dict[str, Any]], *parts: bytes) -> tuple[bytes, str]:
    described = [
        entry | {"parameters": {"binary_data_size": len(part)}} for entry, part in zip(inputs, parts, strict=True)
    ]
    text = json.dumps({"inputs": described}).encode()
    return text + b"".join(parts), str(len(text))


def one_input(matrix: Any, datatype: str, form: str) -> tuple[bytes, str | None]:
    entry = tensor("features", matrix, datatype)
    if form == "binary":
        return with_binary([entry], matrix.astype(TYPES[datatype]).tobytes())
    return in_json([entry | {"data": (matrix if form == "nested" else matrix.ravel()).tolist()}])


def ten_inputs(matrix: Any, datatype: str, form: str, shape: tuple[int, ...]) -> tuple[bytes, str | None]:
    columns = {name: matrix[:, position].reshape(shape) for position, name in enumerate(FEATURE_NAMES)}
    entries = {name: tensor(name, values, datatype) for name, values in reversed(columns.items())}
    if form == "binary":
        return with_binary(list(entries.values()), *(columns[n].astype(TYPES[datatype]).tobytes() for n in entries))
    nested = form == "nested"
    return in_json([e | {"data": (columns[n] if nested else columns[n].ravel()).tolist()} for n, e in entries.items()])


@pytest.mark.parametrize("datatype", TYPES)
@pytest.mark.parametrize("form", ["flat", "nested", "binary"])
@pytest.mark.parametrize("shape", [None, (-1,), (-1, 1)], ids=["one input", "ten of [N]", "ten of [N, 1]"])
def test_every_form_gives_the_contracts_matrix(datatype: str, form: str, shape: tuple[int, ...] | None) -> None:
    matrix = MATRIX.astype(np.int64) if datatype.startswith("INT") else MATRIX
    body = one_input(matrix, datatype, form) if shape is None else ten_inputs(matrix, datatype, form, shape)
    _, decoded = decode_request(*body, MAX_ROWS)
    rows = [dict(zip(FEATURE_NAMES, row, strict=True)) for row in matrix.tolist()]
    assert decoded.matrix.tobytes() == decode_batch(row_objects(rows), MAX_ROWS).matrix.tobytes()
    assert decoded.matrix.flags.c_contiguous
    assert decoded.matrix.flags.aligned
    assert decoded.application_ids is None


@settings(deadline=None)
@given(st.lists(st.lists(st.floats(0, 3e38), min_size=10, max_size=10), min_size=1, max_size=MAX_ROWS))
def test_any_numbers_are_rounded_as_the_contract_rounds_them(rows: list[list[float]]) -> None:
    expected = np.array(rows).astype(np.float32).tobytes()
    for form in ("flat", "nested", "binary"):
        assert decode_request(*one_input(np.array(rows), "FP64", form), MAX_ROWS)[1].matrix.tobytes() == expected


def texts(*values: str) -> bytes:
    return b"".join(len(value.encode()).to_bytes(4, "little") + value.encode() for value in values)


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "JSON"])
def test_application_ids_are_an_eleventh_input(binary: bool) -> None:
    entries = [tensor("features", MATRIX[:2], "FP64"), tensor("application_id", ["A-1", "Ä"], "BYTES")]
    if binary:
        body: tuple[bytes, str | None] = with_binary(entries, MATRIX[:2].tobytes(), texts("A-1", "Ä"))
    else:
        body = in_json([entries[0] | {"data": MATRIX[:2].tolist()}, entries[1] | {"data": ["A-1", "Ä"]}])
    assert decode_request(*body, MAX_ROWS)[1].application_ids == ["A-1", "Ä"]


@pytest.mark.parametrize("form", ["flat", "nested", "binary"])
@pytest.mark.parametrize("value", [-1.0, 1e39, float("nan"), float("inf")], ids=str)
@pytest.mark.parametrize("shape", [None, (-1,)], ids=["one input", "ten inputs"])
def test_a_bad_number_is_named_by_instance_and_field(form: str, value: float, shape: tuple[int, ...] | None) -> None:
    matrix = MATRIX[:3].copy()
    matrix[1, FEATURE_NAMES.index("ID_Days")] = value
    body = one_input(matrix, "FP64", form) if shape is None else ten_inputs(matrix, "FP64", form, shape)
    with pytest.raises(InvalidInstance) as caught:
        decode_request(*body, MAX_ROWS)
    assert (caught.value.instance, caught.value.field) == (1, "ID_Days")


ROW = list(EXAMPLE_INSTANCE.values())
ONE = tensor("features", [ROW], "FP32", data=ROW)
BINARY_ONE = with_binary([tensor("features", [ROW], "FP32")], np.float32(ROW).tobytes())
SHORT_BINARY = with_binary([tensor("features", [ROW], "FP64")], np.float32(ROW).tobytes())
LARGE = np.tile(np.float32(ROW), (MAX_ROWS + 1, 1))
IDS = tensor("application_id", ["A"], "BYTES")


@pytest.mark.parametrize(
    ("body", "fault", "message"),
    [
        pytest.param((b"", None), MalformedBody, "JSON", id="nothing"),
        pytest.param((b"{}", None), InvalidInstance, "inputs", id="no inputs"),
        pytest.param(in_json([]), InvalidInstance, "no column", id="an empty list of inputs"),
        pytest.param(in_json([ONE, ONE]), InvalidInstance, "features is there twice", id="an input twice"),
        pytest.param(in_json([ONE | {"name": "x"}]), InvalidInstance, "no column", id="another name"),
        pytest.param(in_json([ONE | {"datatype": "FP16"}]), InvalidInstance, "datatype", id="another type"),
        pytest.param(in_json([ONE | {"datatype": "BYTES"}]), InvalidInstance, "features is of type", id="text"),
        pytest.param(in_json([ONE | {"shape": [10]}]), InvalidInstance, "shape", id="no batch dimension"),
        pytest.param(in_json([ONE | {"shape": [1, 9]}]), InvalidInstance, "shape", id="nine columns"),
        pytest.param(in_json([ONE | {"shape": [2, 10]}]), InvalidInstance, "needs 20", id="too few values"),
        pytest.param(in_json([ONE | {"shape": []}]), InvalidInstance, "shape", id="no shape"),
        pytest.param(in_json([ONE | {"shape": [-1, 10]}]), InvalidInstance, "shape", id="a negative size"),
        pytest.param(in_json([ONE | {"shape": [0, 10], "data": []}]), InvalidInstance, "is empty", id="no rows"),
        pytest.param(in_json([ONE | {"shape": [10**30, 10]}]), BodyTooLarge, "instances", id="a huge shape"),
        pytest.param(one_input(LARGE, "FP32", "binary"), BodyTooLarge, "51", id="a row too many"),
        pytest.param(in_json([ONE | {"data": ["a"] * 10}]), InvalidInstance, "Client_Income of instance 0", id="text"),
        pytest.param(in_json([ONE | {"data": [[1] * 9]}]), InvalidInstance, "length 10", id="a short row"),
        pytest.param(in_json([ONE | {"datatype": "INT32"}]), InvalidInstance, "got `float`", id="fractions as INT32"),
        pytest.param(
            in_json([ONE | {"datatype": "INT32", "data": [2**31] * 10}]), InvalidInstance, "<=", id="beyond INT32"
        ),
        pytest.param(in_json([ONE], outputs=[{"name": "x"}]), InvalidInstance, "outputs", id="another output"),
        pytest.param(in_json([ONE], outputs=[{"name": "probability"}] * 2), InvalidInstance, "2 outputs", id="two"),
        pytest.param(
            in_json([ONE], outputs=[{"name": "probability", "parameters": {"classification": 1}}]),
            *(InvalidInstance, "classification"),
            id="classification",
        ),
        pytest.param(
            in_json([tensor("features", [ROW], "FP32", parameters={"shared_memory_region": "x"})]),
            *(InvalidInstance, "neither data"),
            id="shared memory",
        ),
        pytest.param((BINARY_ONE[0], "x"), MalformedHeader, "length", id="a length that is no number"),
        pytest.param((BINARY_ONE[0], "9" * 5), MalformedHeader, "length", id="a length beyond the body"),
        pytest.param((BINARY_ONE[0], "-1"), MalformedHeader, "length", id="a negative length"),
        pytest.param((BINARY_ONE[0], None), MalformedBody, "JSON", id="no length"),
        pytest.param((BINARY_ONE[0][:-1], BINARY_ONE[1]), MalformedBody, "cut off", id="a tensor that is cut off"),
        pytest.param((BINARY_ONE[0] + b"x", BINARY_ONE[1]), MalformedBody, "1 bytes follow", id="a byte too many"),
        pytest.param(SHORT_BINARY, InvalidInstance, "40 bytes", id="fewer bytes than the type needs"),
        pytest.param(in_json([ONE, IDS | {"data": ["A", "B"]}]), InvalidInstance, "2 values", id="too many ids"),
        pytest.param(in_json([ONE, IDS | {"data": ["\x00"]}]), InvalidInstance, "application_id of", id="a bad id"),
        pytest.param(in_json([ONE, IDS | {"datatype": "FP32"}]), InvalidInstance, "expected BYTES", id="ids as FP32"),
    ],
)
def test_a_bad_request_is_refused_with_its_reason(
    body: tuple[bytes, str | None], fault: type[ServeError], message: str
) -> None:
    with pytest.raises(fault, match=message):
        decode_request(*body, MAX_ROWS)


@pytest.mark.parametrize("part", [b"\x01", b"\x05\0\0\0abc", b"\x01\0\0\0\xff", b"\xff\xff\xff\xff"], ids=repr)
def test_bytes_that_are_no_texts_are_refused(part: bytes) -> None:
    body = with_binary([tensor("features", [ROW], "FP32"), IDS], np.float32(ROW).tobytes(), part)
    with pytest.raises(MalformedBody):
        decode_request(*body, MAX_ROWS)


def test_unknown_parameters_are_let_pass() -> None:
    body = in_json([ONE | {"parameters": {"content_type": "np"}}], id="r", parameters={"priority": 1, "sequence_id": 7})
    request, _ = decode_request(*body, MAX_ROWS)
    assert request.id == "r"
    assert not request.binary_output


@pytest.mark.parametrize(
    ("members", "binary"),
    [
        ({}, False),
        ({"parameters": {"binary_data_output": True}}, True),
        ({"outputs": [{"name": "probability"}]}, False),
        ({"outputs": [{"name": "probability", "parameters": {"binary_data": True}}]}, True),
        ({"outputs": [{"name": "probability"}], "parameters": {"binary_data_output": True}}, True),
        (
            {
                "outputs": [{"name": "probability", "parameters": {"binary_data": False}}],
                "parameters": {"binary_data_output": True},
            },
            False,
        ),
    ],
)
def test_an_output_says_for_itself_how_it_travels(members: dict[str, Any], binary: bool) -> None:
    assert decode_request(*in_json([ONE], **members), MAX_ROWS)[0].binary_output is binary
