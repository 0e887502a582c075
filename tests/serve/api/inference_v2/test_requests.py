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
TYPES: dict[str, Any] = {
    **{f"FP{bits}": getattr(np, f"float{bits}") for bits in (32, 64)},
    **{f"INT{bits}": getattr(np, f"int{bits}") for bits in (16, 32, 64)},
    **{f"UINT{bits}": getattr(np, f"uint{bits}") for bits in (16, 32, 64)},
}


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
    matrix = MATRIX.astype(np.int64) if "INT" in datatype else MATRIX
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


SMALL = np.array([[120, 100, 90, 80, 70, 60, 50, 40, 3, 30], [1, 0, 1, 0, 1, 0, 1, 0, 1, 0]])
SMALL_TYPES = {"INT8": "<i1", "UINT8": "<u1", "FP16": "<f2", "BOOL": "?"}


@pytest.mark.parametrize("datatype", SMALL_TYPES)
@pytest.mark.parametrize("form", ["flat", "nested", "binary"])
def test_small_types_are_read_exactly(datatype: str, form: str) -> None:
    matrix = (SMALL[1:] if datatype == "BOOL" else SMALL).astype(SMALL_TYPES[datatype])
    entry = tensor("features", matrix, datatype)
    if form == "binary":
        body: tuple[bytes, str | None] = with_binary([entry], matrix.tobytes())
    else:
        body = in_json([entry | {"data": (matrix if form == "nested" else matrix.ravel()).tolist()}])
    assert decode_request(*body, MAX_ROWS)[1].matrix.tolist() == matrix.astype(np.float32).tolist()


@pytest.mark.parametrize("form", ["flat", "nested", "binary"])
@pytest.mark.parametrize("datatype", ["INT64", "UINT64"])
def test_large_integers_are_rounded_as_the_contract_rounds_them(datatype: str, form: str) -> None:
    # Rounded once, straight to float32, this one would go up; by way of float64 it is a tie and goes to even: down.
    matrix = np.full((1, 10), 2**60 + 2**36 + 1, TYPES[datatype])
    _, rows = decode_request(*one_input(matrix, datatype, form), MAX_ROWS)
    assert set(rows.matrix.ravel()) == {np.float32(np.float64(2**60 + 2**36 + 1))}


@pytest.mark.parametrize(
    ("datatype", "value"),
    [
        *(("INT8", 128), ("INT8", -129), ("INT16", 2**15), ("INT32", 2**31), ("INT64", 2**63), ("INT64", 10**400)),
        *(("UINT8", 256), ("UINT8", -1), ("UINT16", 2**16), ("UINT32", 2**32), ("UINT64", 2**64), ("UINT64", 10**400)),
        *(("FP16", 65520), ("FP16", 1e39), ("BOOL", 2), ("BOOL", 1), ("BOOL", None), ("UINT8", 1.5), ("UINT8", True)),
    ],
)
@pytest.mark.parametrize("nested", [True, False], ids=["nested", "flat"])
def test_values_that_the_type_does_not_have_are_refused(datatype: str, value: Any, nested: bool) -> None:
    rows = [[True if datatype == "BOOL" else 1] * 10 for _ in range(2)]
    rows[1][3] = value
    data: list[Any] = rows if nested else rows[0] + rows[1]
    with pytest.raises(InvalidInstance, match='input "features", row 1, Age_Days: ') as caught:
        decode_request(*in_json([{"name": "features", "shape": [2, 10], "datatype": datatype, "data": data}]), MAX_ROWS)
    assert (caught.value.instance, caught.value.field) == (1, "Age_Days")


def test_a_bool_is_one_of_two_bytes() -> None:
    body = with_binary([tensor("features", [ROW], "BOOL")], bytes([0, 1, 2, *[1] * 7]))
    with pytest.raises(InvalidInstance, match="expected bytes 0 and 1"):
        decode_request(*body, MAX_ROWS)


def test_requests_of_kserves_client_are_read() -> None:
    """`kserve.InferRequest.to_rest`: the model's name beside the inputs, and members that are null."""
    written = {
        "id": "d3b15cad-50a2-4eaf-80ce-8b0a428bd298",
        "model_name": "divorce-model",
        "inputs": [ONE | {"parameters": None}],
        "outputs": None,
        "parameters": None,
    }
    request, rows = decode_request(json.dumps(written).encode(), None, MAX_ROWS)
    assert (request.id, request.is_binary(request.wanted[0]), len(rows.matrix)) == (written["id"], False, 1)


@pytest.mark.parametrize(
    "members",
    [
        *({name: None} for name in ("id", "model_name", "model_version", "parameters", "outputs")),
        {"parameters": {"binary_data_output": None}},
        {"outputs": [{"name": "probability", "parameters": None}]},
        {"outputs": [{"name": "probability", "parameters": {"binary_data": None}}]},
    ],
    ids=str,
)
def test_an_optional_member_may_be_null(members: dict[str, Any]) -> None:
    request, rows = decode_request(*in_json([ONE | {"parameters": {"binary_data_size": None}}], **members), MAX_ROWS)
    assert (request.is_binary(request.wanted[0]), len(rows.matrix)) == (False, 1)


@pytest.mark.parametrize("form", ["flat", "nested", "binary"])
@pytest.mark.parametrize(
    ("shape", "place"),
    [(None, 'input "features", row 1: ID_Days is -1: '), ((-1,), 'input "ID_Days", row 1: ID_Days is -1: ')],
    ids=["one input", "ten inputs"],
)
def test_a_fault_names_the_input(form: str, shape: tuple[int, ...] | None, place: str) -> None:
    matrix = MATRIX[:3].copy()
    matrix[1, FEATURE_NAMES.index("ID_Days")] = -1
    body = one_input(matrix, "FP64", form) if shape is None else ten_inputs(matrix, "FP64", form, shape)
    with pytest.raises(InvalidInstance, match=place):
        decode_request(*body, MAX_ROWS)


@pytest.mark.parametrize(
    ("value", "message"),
    [("NaN", "expected a finite number, found NaN or Infinity"), ('"a"', "Expected `float`, got `str`")],
)
def test_a_fault_in_json_names_the_input(value: str, message: str) -> None:
    body, _ = ten_inputs(MATRIX[:3], "FP64", "flat", (-1,))
    column = f'"data": [{MATRIX[0, 6]}, {value}, {MATRIX[2, 6]}]'
    at = body.index(b'"data"', body.index(b"ID_Days"))
    spoilt = body[:at] + column.encode() + body[body.index(b"]", at) + 1 :]
    with pytest.raises(InvalidInstance) as caught:
        decode_request(spoilt, None, MAX_ROWS)
    assert caught.value.message == f'input "ID_Days", row 1: {message}'


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
BINARY_ONE = with_binary([tensor("features", [ROW], "FP32")], np.array(ROW, np.float32).tobytes())
SHORT_BINARY = with_binary([tensor("features", [ROW], "FP64")], np.array(ROW, np.float32).tobytes())
LARGE = np.tile(np.array(ROW, np.float32), (MAX_ROWS + 1, 1))
IDS = tensor("application_id", ["A"], "BYTES")


@pytest.mark.parametrize(
    ("body", "fault", "message"),
    [
        pytest.param((b"", None), MalformedBody, "JSON", id="nothing"),
        pytest.param((b"{}", None), InvalidInstance, "inputs", id="no inputs"),
        pytest.param(in_json([]), InvalidInstance, 'is missing: expected "features"', id="an empty list of inputs"),
        pytest.param(in_json([ONE, ONE]), InvalidInstance, 'input "features" appears twice', id="an input twice"),
        pytest.param(
            in_json([ONE | {"name": "x"}]), InvalidInstance, 'is missing: expected "features"', id="another name"
        ),
        pytest.param(
            in_json([ONE | {"datatype": "BF16"}]), InvalidInstance, 'input "features", datatype: I', id="another type"
        ),
        pytest.param(in_json([ONE | {"datatype": "BYTES"}]), InvalidInstance, '"features" is of type', id="text"),
        pytest.param(in_json([ONE | {"shape": [10]}]), InvalidInstance, "shape", id="no batch dimension"),
        pytest.param(in_json([ONE | {"shape": [1, 9]}]), InvalidInstance, "shape", id="nine columns"),
        pytest.param(in_json([ONE | {"shape": [2, 10]}]), InvalidInstance, "needs 20", id="too few values"),
        pytest.param(in_json([ONE | {"shape": []}]), InvalidInstance, '"features" has no rows', id="no shape"),
        pytest.param(in_json([ONE | {"shape": [-1, 10]}]), InvalidInstance, "shape", id="a negative size"),
        pytest.param(in_json([ONE | {"shape": [0, 10], "data": []}]), InvalidInstance, "has no rows", id="no rows"),
        pytest.param(
            in_json([ONE | {"shape": [10**30, 10]}]), BodyTooLarge, "at most 50 are scored", id="a huge shape"
        ),
        pytest.param(one_input(LARGE, "FP32", "binary"), BodyTooLarge, "51", id="a row too many"),
        pytest.param(
            in_json([ONE | {"data": ["a"] * 10}]),
            InvalidInstance,
            'input "features", row 0, Client_Income: Exp',
            id="text",
        ),
        pytest.param(in_json([ONE | {"data": [[1] * 9]}]), InvalidInstance, "length 10", id="a short row"),
        pytest.param(in_json([ONE | {"datatype": "INT32"}]), InvalidInstance, "got `float`", id="fractions as INT32"),
        pytest.param(
            in_json([ONE | {"datatype": "INT32", "data": [2**31] * 10}]), InvalidInstance, "<=", id="beyond INT32"
        ),
        pytest.param(
            in_json([ONE], outputs=[{"name": "x"}]), InvalidInstance, 'output "x", name: I', id="another output"
        ),
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
        pytest.param(
            in_json([ONE, IDS | {"data": ["\x00"]}]), InvalidInstance, '"application_id", row 0: E', id="a bad id"
        ),
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
    body = with_binary([tensor("features", [ROW], "FP32"), IDS], np.array(ROW, np.float32).tobytes(), part)
    with pytest.raises(MalformedBody):
        decode_request(*body, MAX_ROWS)


def test_unknown_parameters_are_let_pass() -> None:
    body = in_json([ONE | {"parameters": {"content_type": "np"}}], id="r", parameters={"priority": 1, "sequence_id": 7})
    request, _ = decode_request(*body, MAX_ROWS)
    assert request.id == "r"
    assert not request.is_binary(request.wanted[0])


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
    request, _ = decode_request(*in_json([ONE], **members), MAX_ROWS)
    assert request.is_binary(request.wanted[0]) is binary
