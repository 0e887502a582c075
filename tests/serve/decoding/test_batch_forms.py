"""Every form of a batch means the same: the same matrix to the bit, the same ids, the same refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud.features import EXAMPLE_INSTANCE, FEATURE_NAMES
from serve.decoding import DecodedRows
from serve.decoding.bounds import REQUIRED_NAMES
from serve.decoding.by_content_type import BATCH_DECODERS, JSON, NDJSON
from serve.errors import BodyTooLarge, InvalidInstance, MalformedBody, ServeError
from tests.serve.batch_forms import EXAMPLE_ROWS, FORMS, Row

MAX_ROWS = 50

OPTIONAL = tuple(name for name in FEATURE_NAMES if name not in REQUIRED_NAMES)

every_form = pytest.mark.parametrize("form", FORMS)
json_forms = pytest.mark.parametrize("form", [form for form in FORMS if form != "arrow"])
values = st.one_of(st.floats(0, 3e38), st.integers(0, 2**53).map(float), st.floats(0, 1e-38))
batches = st.lists(st.fixed_dictionaries(dict.fromkeys(FEATURE_NAMES, values)), min_size=1, max_size=MAX_ROWS)


def decode(form: str, rows: list[Row]) -> DecodedRows:
    content_type, encode = FORMS[form]
    return BATCH_DECODERS[content_type](encode(rows), MAX_ROWS)


def changed(row: int, **changes: Any) -> list[Row]:
    rows: list[Row] = [EXAMPLE_INSTANCE] * 4
    rows[row] = {**EXAMPLE_INSTANCE, **changes}
    return rows


@settings(deadline=None)
@given(batches, st.permutations(FEATURE_NAMES))
def test_every_form_gives_the_same_matrix_in_any_order_of_columns(rows: list[Row], order: list[str]) -> None:
    shuffled: list[Row] = [{name: row[name] for name in order} for row in rows]
    expected = np.array([[row[name] for name in FEATURE_NAMES] for row in rows], dtype=np.float64).astype(np.float32)
    for form in FORMS:
        decoded = decode(form, shuffled)
        assert decoded.matrix.dtype == np.float32
        assert decoded.matrix.flags.c_contiguous
        assert decoded.matrix.tobytes() == expected.tobytes(), form
        assert decoded.application_ids is None


@every_form
@pytest.mark.parametrize("position", [0, 4, 10], ids=["first", "amid", "last"])
def test_application_ids_keep_their_places(form: str, position: int) -> None:
    ids = [None, "A-1", "Ä-2"]
    rows: list[Row] = []
    for application_id in ids:
        members: list[tuple[str, object]] = list(EXAMPLE_INSTANCE.items())
        members.insert(position, ("application_id", application_id))
        rows.append(dict(members))
    decoded = decode(form, rows)
    assert decoded.application_ids == ids
    np.testing.assert_array_equal(decoded.matrix, decode(form, [EXAMPLE_INSTANCE] * 3).matrix)


@every_form
def test_ids_that_are_all_absent_are_none(form: str) -> None:
    rows: list[Row] = [{**EXAMPLE_INSTANCE, "application_id": None}, {**EXAMPLE_INSTANCE, "application_id": "x"}]
    assert decode(form, rows).application_ids == [None, "x"]
    if form != "arrow":  # a column of nulls has Arrow's null type, which is no text
        assert decode(form, rows[:1]).application_ids is None


@every_form
@pytest.mark.parametrize("name", FEATURE_NAMES)
@pytest.mark.parametrize("value", [-1.0, 1e39, float("nan"), float("inf"), float("-inf"), None], ids=str)
def test_a_bad_number_is_named_by_instance_and_field(form: str, name: str, value: float | None) -> None:
    if name in OPTIONAL and (value is None or (form == "arrow" and np.isnan(value))):
        pytest.skip("it is missing, and may be")
    with pytest.raises(InvalidInstance) as caught:
        decode(form, changed(2, **{name: value}))
    assert (caught.value.instance, caught.value.field) == (2, name)
    assert name in caught.value.message


@json_forms
@pytest.mark.parametrize("value", ["9500", True, [1], {}, 10**400], ids=["text", "bool", "array", "object", "huge"])
def test_a_non_number_is_named_by_instance_and_field(form: str, value: Any) -> None:
    with pytest.raises(InvalidInstance) as caught:
        decode(form, changed(3, Phone_Change=value))
    assert (caught.value.instance, caught.value.field) == (3, "Phone_Change")


@every_form
@pytest.mark.parametrize("value", ["", "x" * 65, "a\x00b", "a\n"], ids=["empty", "too long", "NUL", "line break"])
def test_a_bad_application_id_is_named(form: str, value: str) -> None:
    rows: list[Row] = [{**EXAMPLE_INSTANCE, "application_id": "A"}, {**EXAMPLE_INSTANCE, "application_id": value}]
    with pytest.raises(InvalidInstance) as caught:
        decode(form, rows)
    assert (caught.value.instance, caught.value.field) == (1, "application_id")


@every_form
@pytest.mark.parametrize("name", REQUIRED_NAMES)
def test_a_missing_feature_is_named(form: str, name: str) -> None:
    row = {key: value for key, value in EXAMPLE_INSTANCE.items() if key != name}
    with pytest.raises(InvalidInstance) as caught:
        decode(form, [row])
    assert caught.value.field == name


@every_form
@pytest.mark.parametrize("name", ["Shoe_Size", "age_days", "Divorce"])
def test_an_unknown_feature_is_named(form: str, name: str) -> None:
    with pytest.raises(InvalidInstance) as caught:
        decode(form, [{**EXAMPLE_INSTANCE, name: 1.0}])
    assert caught.value.field == name


@every_form
def test_the_largest_batch_is_scored_and_one_row_more_is_not(form: str) -> None:
    assert len(decode(form, [EXAMPLE_INSTANCE] * MAX_ROWS).matrix) == MAX_ROWS
    with pytest.raises(BodyTooLarge):
        decode(form, [EXAMPLE_INSTANCE] * (MAX_ROWS + 1))


COLUMNS = b'{"columns": ["Client_Income", 5], "data": []}'
ROW = FORMS["ndjson"][1]([EXAMPLE_INSTANCE])
ARRAYS = FORMS["row arrays"][1]([EXAMPLE_INSTANCE])
BY_COLUMN = FORMS["columns"][1](EXAMPLE_ROWS[:2])


@pytest.mark.parametrize(
    ("content_type", "content", "fault", "message"),
    [
        pytest.param(JSON, b'{"columns": []}', InvalidInstance, "expected {", id="a header without data"),
        pytest.param(JSON, b'{"data": []}', InvalidInstance, "expected {", id="data without a header"),
        pytest.param(JSON, BY_COLUMN[:-1] + b', "data": []}', InvalidInstance, "expected {", id="columns and data"),
        pytest.param(JSON, BY_COLUMN[:-1] + b', "instances": []}', InvalidInstance, "expected {", id="two forms"),
        pytest.param(JSON, b'{"columns": "Age_Days"}', InvalidInstance, "columns", id="columns as text"),
        pytest.param(JSON, COLUMNS, InvalidInstance, "columns: Expected `str`", id="a column name as number"),
        pytest.param(
            *(JSON, ARRAYS.replace(b"ID_Days", b"Age_Days"), InvalidInstance, "column ID_Days is missing"),
            id="a column instead of another",
        ),
        pytest.param(
            *(JSON, ARRAYS.replace(b'"Age_Days"', b'"Age_Days", "Age_Days"'), InvalidInstance, "Age_Days appears 2"),
            id="a column twice",
        ),
        pytest.param(
            *(JSON, ARRAYS.replace(b"[[", b"[[1, "), InvalidInstance, "instance 0: Expected `array` of length 10"),
            id="a value too many",
        ),
        pytest.param(JSON, ARRAYS.replace(b"[[", b"[[],["), InvalidInstance, "instance 0", id="a row without values"),
        pytest.param(JSON, ARRAYS.replace(b"[[", b"[5,["), InvalidInstance, "instance 0", id="a number as a row"),
        pytest.param(JSON, ARRAYS.replace(b"[[", b"[" * 100_000), MalformedBody, "JSON", id="nested without end"),
        pytest.param(
            *(JSON, BY_COLUMN.replace(b'"Age_Days": [', b'"Age_Days": [1, '), InvalidInstance, "Age_Days has 3 values"),
            id="columns of different length",
        ),
        pytest.param(NDJSON, b"[]", InvalidInstance, "instance 0", id="a line with an array"),
        pytest.param(
            NDJSON, ROW + b" " + ROW, MalformedBody, "one JSON object on each line", id="two objects on a line"
        ),
        pytest.param(
            NDJSON, ROW.replace(b",", b",\n"), MalformedBody, "object on each line", id="an object on many lines"
        ),
        pytest.param(NDJSON, ROW + b"\n{", MalformedBody, "not valid JSON", id="a line that is cut off"),
        pytest.param(NDJSON, ROW + b"\n\xff", MalformedBody, "not valid JSON", id="a line that is no UTF-8"),
    ],
)
def test_a_bad_body_is_refused_with_its_reason(
    content_type: str, content: bytes, fault: type[ServeError], message: str
) -> None:
    with pytest.raises(fault, match=message.replace("{", r"\{")):
        BATCH_DECODERS[content_type](content, MAX_ROWS)


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        pytest.param(JSON, b'{"instances": []}', id="row objects"),
        pytest.param(JSON, ARRAYS.partition(b"data")[0] + b'data": [], ' + ARRAYS.partition(b"]], ")[2], id="arrays"),
        pytest.param(JSON, FORMS["columns"][1]([dict.fromkeys(FEATURE_NAMES, 0)]).replace(b"0", b""), id="columns"),
        pytest.param(NDJSON, b"\n \n", id="blank lines"),
    ],
)
def test_an_empty_batch_is_refused_alike(content_type: str, content: bytes) -> None:
    with pytest.raises(InvalidInstance, match="the batch is empty"):
        BATCH_DECODERS[content_type](content, MAX_ROWS)


@pytest.mark.parametrize("separator", [b"\n", b"\r\n", b"\n\n", b" \n\t"], ids=repr)
def test_lines_end_in_any_usual_way(separator: bytes) -> None:
    body = ROW + separator + ROW + separator
    assert len(BATCH_DECODERS[NDJSON](body, MAX_ROWS).matrix) == 2
