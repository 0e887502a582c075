"""All faulty rows of a batch are named, and what is good is as if it had been sent alone, in every form."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fraud.features import EXAMPLE_INSTANCE, FEATURE_NAMES
from serve.api.inference_v2.requests import decode_request
from serve.decoding import DecodedRows, decode_batch
from serve.decoding.arrow_stream import decode_arrow
from serve.decoding.checked_rows import FaultyRows
from serve.decoding.csv_table import decode_csv
from serve.decoding.mlflow_json import decode_invocation
from serve.decoding.parquet_table import decode_parquet
from serve.decoding.row_objects import decode_lines
from serve.error_answers import MAX_NAMED_FAULTS, encode_error
from serve.errors import DuplicateName, InvalidInstance, MalformedBody
from tests.serve.batch_forms import arrow_of, parquet_of

MAX_ROWS = 500
Row = dict[str, Any]
Decode = Callable[[Sequence[Row]], DecodedRows]


def as_json(document: Any) -> bytes:
    return json.dumps(document).encode()


def arrays(rows: Sequence[Row]) -> list[list[Any]]:
    return [list(row.values()) for row in rows]


def columns(rows: Sequence[Row]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def csv_of(rows: Sequence[Row]) -> bytes:
    lines = [",".join("" if value is None else str(value) for value in row) for row in arrays(rows)]
    return "\n".join([",".join(rows[0]), *lines]).encode()


def v2(rows: Sequence[Row], *, nested: bool) -> DecodedRows:
    values = [[row[name] for name in FEATURE_NAMES] for row in rows]
    data = values if nested else [value for row in values for value in row]
    tensor = {"name": "features", "shape": [len(rows), len(FEATURE_NAMES)], "datatype": "FP64", "data": data}
    return decode_request(as_json({"inputs": [tensor]}), None, MAX_ROWS)[1]


def v2_by_feature(rows: Sequence[Row]) -> DecodedRows:
    inputs = [
        {"name": name, "shape": [len(rows)], "datatype": "FP64", "data": values}
        for name, values in columns(rows).items()
        if name in FEATURE_NAMES
    ]
    return decode_request(as_json({"inputs": inputs}), None, MAX_ROWS)[1]


JSON_FORMS: dict[str, Decode] = {
    "row objects": lambda rows: decode_batch(as_json({"instances": rows}), MAX_ROWS),
    "bare list": lambda rows: decode_batch(as_json(rows), MAX_ROWS),
    "lines": lambda rows: decode_lines(b"\n".join(map(as_json, rows)), MAX_ROWS),
    "row arrays": lambda rows: decode_batch(as_json({"columns": list(rows[0]), "data": arrays(rows)}), MAX_ROWS),
    "columns": lambda rows: decode_batch(as_json({"columns": columns(rows)}), MAX_ROWS),
    "MLflow, split": lambda rows: decode_invocation(
        as_json({"dataframe_split": {"columns": list(rows[0]), "data": arrays(rows)}}), MAX_ROWS
    ),
    "MLflow, records": lambda rows: decode_invocation(as_json({"dataframe_records": rows}), MAX_ROWS),
    "MLflow, columns": lambda rows: decode_invocation(as_json({"inputs": columns(rows)}), MAX_ROWS),
}
TABLES: dict[str, Decode] = {
    "Arrow": lambda rows: decode_arrow(arrow_of(pa.table(columns(rows))), MAX_ROWS),
    "Parquet": lambda rows: decode_parquet(parquet_of(rows), MAX_ROWS),
}
CSV: dict[str, Decode] = {"CSV": lambda rows: decode_csv(csv_of(rows), MAX_ROWS)}
V2: dict[str, Decode] = {
    "v2, flat": lambda rows: v2(rows, nested=False),
    "v2, nested": lambda rows: v2(rows, nested=True),
    "v2, by feature": v2_by_feature,
}
FORMS = JSON_FORMS | TABLES | CSV | V2


def batch(faults: dict[int, tuple[str, Any]], size: int = 8) -> list[Row]:
    rows: list[Row] = [{**EXAMPLE_INSTANCE, "Age_Days": 8000 + number} for number in range(size)]
    for row, (name, value) in faults.items():
        rows[row] = {**rows[row], name: value}
    return rows


def found_in(decode: Decode, rows: Sequence[Row], faults: dict[int, tuple[str, Any]]) -> FaultyRows:
    with pytest.raises(FaultyRows) as caught:
        decode(rows)
    found = caught.value
    assert [(fault.instance, fault.field) for fault in found.faults] == [
        (row, name) for row, (name, _) in sorted(faults.items())
    ]
    assert (found.instance, found.field, found.message) == (
        found.faults[0].instance,
        found.faults[0].field,
        found.faults[0].message,
    )
    good = decode([row for number, row in enumerate(rows) if number not in faults])
    assert found.good.matrix.tobytes() == good.matrix.tobytes()
    assert found.good.application_ids == good.application_ids
    assert found.good.sent == len(rows)
    return found


@pytest.mark.parametrize("form", FORMS)
def test_every_row_that_is_out_of_bounds_is_named(form: str) -> None:
    faults = {1: ("ID_Days", -1), 4: ("Client_Income", -5.5), 7: ("ID_Days", None)}
    found_in(FORMS[form], batch(faults), faults)


@pytest.mark.parametrize("form", JSON_FORMS | V2)
def test_every_row_with_another_type_is_named(form: str) -> None:
    faults = {0: ("Age_Days", "old"), 3: ("Credit_Bureau", True), 5: ("ID_Days", -1), 6: ("Phone_Change", [1])}
    found_in(FORMS[form], batch(faults), faults)


@pytest.mark.parametrize("form", JSON_FORMS | TABLES | CSV)
def test_every_row_with_a_bad_label_is_named(form: str) -> None:
    rows = [{**row, "application_id": f"A-{number}"} for number, row in enumerate(batch({}))]
    faults = {2: ("application_id", "x" * 65), 6: ("application_id", "y" * 65)}
    for row, (name, value) in faults.items():
        rows[row][name] = value
    found_in(FORMS[form], rows, faults)


@pytest.mark.parametrize("form", ["row objects", "bare list", "lines", "MLflow, records"])
def test_every_object_with_other_members_is_named(form: str) -> None:
    rows = batch({})
    del rows[2]["ID_Days"]
    rows[5]["Shoe_Size"] = 43
    found_in(FORMS[form], rows, {2: ("ID_Days", None), 5: ("Shoe_Size", 43)})


def test_a_non_row_is_named() -> None:
    rows: list[Any] = [*batch({}, 2), 17, [1], None]
    with pytest.raises(FaultyRows) as caught:
        decode_batch(as_json(rows), MAX_ROWS)
    assert [fault.instance for fault in caught.value.faults] == [2, 3, 4]


def test_rows_of_another_length_are_named() -> None:
    data = arrays(batch({}))
    data[3].pop()
    data[6].append(1)
    with pytest.raises(FaultyRows) as caught:
        decode_batch(as_json({"columns": list(EXAMPLE_INSTANCE), "data": data}), MAX_ROWS)
    assert [fault.instance for fault in caught.value.faults] == [3, 6]


def test_every_line_of_a_table_that_can_not_be_read_is_named() -> None:
    lines = csv_of(batch({2: ("ID_Days", "x"), 5: ("Age_Days", "1,2"), 6: ("Age_Days", -1), 7: ("ID_Days", "y")}))
    with pytest.raises(FaultyRows) as caught:
        decode_csv(lines, MAX_ROWS)
    told = [(fault.instance, fault.field) for fault in caught.value.faults]
    assert told == [(2, "ID_Days"), (5, None), (6, "Age_Days"), (7, "ID_Days")]
    assert len(caught.value.good.matrix) == 4
    assert not any(fault.message[-1] == "y" for fault in caught.value.faults)


@pytest.mark.filterwarnings("error")
def test_a_table_that_is_no_text_is_refused_without_a_word_on_the_console() -> None:
    body = csv_of(batch({2: ("ID_Days", "x")})) + b"\n\xff,1,2"
    with pytest.raises((InvalidInstance, MalformedBody)):
        decode_csv(body, MAX_ROWS)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"instances": [ROW, BAD], "instances": [ROW, BAD]}', id="outside"),
        pytest.param('{"instances": [{"Age_Days": 1, REST, BAD]}', id="inside of a good row"),
    ],
)
def test_a_name_that_is_there_twice_is_never_left_to_a_report(text: str) -> None:
    row = json.dumps(EXAMPLE_INSTANCE)
    bad = json.dumps({**EXAMPLE_INSTANCE, "ID_Days": -1})
    with pytest.raises(DuplicateName):
        decode_batch(text.replace("ROW", row).replace("BAD", bad).replace("REST", row[1:]).encode(), MAX_ROWS)


@pytest.mark.parametrize("form", ["row objects", "lines"])
def test_invalid_json_is_refused_whole(form: str) -> None:
    """NaN is told by instance and field, but nothing of such a body is scored."""
    with pytest.raises(InvalidInstance) as caught:
        FORMS[form](batch({1: ("Age_Days", float("nan")), 3: ("ID_Days", float("inf"))}))
    assert not isinstance(caught.value, FaultyRows)
    assert [fault.instance for fault in caught.value.faults] == [1, 3]


def test_an_error_names_the_first_hundred() -> None:
    rows = batch(dict.fromkeys(range(0, 300, 2), ("ID_Days", -1)), 300)
    with pytest.raises(FaultyRows) as caught:
        decode_batch(as_json({"instances": rows}), MAX_ROWS)
    error = json.loads(encode_error(caught.value, "r"))["error"]
    assert (error["instance"], error["field"]) == (0, "ID_Days")
    assert [fault["instance"] for fault in error["faults"]] == list(range(0, 2 * MAX_NAMED_FAULTS, 2))
    assert set(error["faults"][0]) == {"instance", "field", "message"}
    assert len(caught.value.faults) == 150
    assert np.isfinite(caught.value.good.matrix).all()
