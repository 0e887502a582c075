"""Bodies of MLflow's scoring protocol become the contract's rows, or are refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from io import StringIO
from typing import Any

import pandas as pd
import pytest

from fraud.features import EXAMPLE_INSTANCE, FEATURE_NAMES
from serve.decoding import DecodedRows, decode_batch
from serve.decoding.csv_table import decode_csv
from serve.decoding.mlflow_json import decode_invocation
from serve.errors import BodyTooLarge, InvalidInstance, MalformedBody, ServeError
from tests.serve.batch_forms import EXAMPLE_ROWS, Row, row_objects

MAX_ROWS = 50


def split(rows: Sequence[Row]) -> dict[str, Any]:
    return dict(pd.DataFrame(rows).to_dict(orient="split"))


def by_column(rows: Sequence[Row]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in reversed(list(rows[0]))}


def positional(rows: Sequence[Row]) -> list[list[Any]]:
    return [[row[name] for name in FEATURE_NAMES] for row in rows]


def csv_of(rows: Sequence[Row], **options: Any) -> bytes:
    text = StringIO()
    pd.DataFrame(rows).to_csv(text, **options)
    return text.getvalue().encode()


JSON_FORMS: dict[str, Callable[[Sequence[Row]], Any]] = {
    "dataframe_split": lambda rows: {"dataframe_split": split(rows)},
    "dataframe_records": lambda rows: {"dataframe_records": rows},
    "instances: objects": lambda rows: {"instances": rows},
    "instances: columns": lambda rows: {"instances": by_column(rows)},
    "inputs: objects": lambda rows: {"inputs": rows},
    "inputs: columns": lambda rows: {"inputs": by_column(rows)},
}
POSITIONAL_FORMS: dict[str, Callable[[Sequence[Row]], Any]] = {
    "instances: arrays": lambda rows: {"instances": positional(rows)},
    "inputs: arrays": lambda rows: {"inputs": positional(rows)},
}
CSV_FORMS: dict[str, Callable[[Sequence[Row]], bytes]] = {
    "CSV": lambda rows: csv_of(rows, index=False),
    "CSV with an index": csv_of,
    "CSV with a BOM and CRLF": lambda rows: b"\xef\xbb\xbf" + csv_of(rows, index=False, lineterminator="\r\n"),
}
NAMED_FORMS = [*JSON_FORMS, *CSV_FORMS]
every_form = pytest.mark.parametrize("form", [*NAMED_FORMS, *POSITIONAL_FORMS])
named_form = pytest.mark.parametrize("form", NAMED_FORMS)


def decode(form: str, rows: Sequence[Row]) -> DecodedRows:
    if form in CSV_FORMS:
        return decode_csv(CSV_FORMS[form](rows), MAX_ROWS)
    return decode_invocation(json.dumps((JSON_FORMS | POSITIONAL_FORMS)[form](rows)).encode(), MAX_ROWS)


def changed(row: int, **changes: Any) -> list[Row]:
    rows: list[Row] = [EXAMPLE_INSTANCE] * 4
    rows[row] = {**EXAMPLE_INSTANCE, **changes}
    return rows


@every_form
def test_every_form_gives_the_contracts_matrix(form: str) -> None:
    decoded = decode(form, EXAMPLE_ROWS)
    assert decoded.matrix.tobytes() == decode_batch(row_objects(EXAMPLE_ROWS), MAX_ROWS).matrix.tobytes()
    assert decoded.application_ids is None


@named_form
def test_application_ids_are_read(form: str) -> None:
    rows = [{**EXAMPLE_INSTANCE, "application_id": name} for name in ("A-1", "Ä 2")]
    assert decode(form, rows).application_ids == ["A-1", "Ä 2"]


@every_form
@pytest.mark.parametrize("value", [-1.0, 1e39, float("nan"), float("inf")], ids=str)
def test_a_bad_number_is_named_by_instance_and_field(form: str, value: float) -> None:
    with pytest.raises(InvalidInstance) as caught:
        decode(form, changed(2, Loan_Annuity=value))
    assert (caught.value.instance, caught.value.field) == (2, "Loan_Annuity")


@every_form
def test_text_is_named_by_instance_and_field_and_not_repeated(form: str) -> None:
    with pytest.raises(InvalidInstance) as caught:
        decode(form, changed(3, Loan_Annuity="a secret"))
    assert (caught.value.instance, caught.value.field) == (3, "Loan_Annuity")
    assert "secret" not in caught.value.message


@named_form
def test_unknown_and_missing_columns_are_named(form: str) -> None:
    with pytest.raises(InvalidInstance) as caught:
        decode(form, [{**EXAMPLE_INSTANCE, "Shoe_Size": 1.0}])
    assert caught.value.field == "Shoe_Size"
    with pytest.raises(InvalidInstance) as caught:
        decode(form, [{name: value for name, value in EXAMPLE_INSTANCE.items() if name != "ID_Days"}])
    assert caught.value.field == "ID_Days"


@every_form
def test_one_row_more_than_the_limit_is_too_many(form: str) -> None:
    assert len(decode(form, [EXAMPLE_INSTANCE] * MAX_ROWS).matrix) == MAX_ROWS
    with pytest.raises(BodyTooLarge):
        decode(form, [EXAMPLE_INSTANCE] * (MAX_ROWS + 1))


@pytest.mark.parametrize(
    "members",
    [
        *({"params": params} for params in (None, {}, {"threshold": 0.5})),
        {"signature_name": "serving_default"},
        {"whatever": [{}]},
    ],
    ids=str,
)
def test_members_that_mlflow_ignores_are_accepted(members: dict[str, Any]) -> None:
    body = json.dumps({"inputs": [EXAMPLE_INSTANCE], **members}).encode()
    assert len(decode_invocation(body, MAX_ROWS).matrix) == 1


@pytest.mark.parametrize("member", ["inputs", "instances"])
def test_an_object_of_scalars_is_one_row(member: str) -> None:
    row = {"application_id": "A", **EXAMPLE_INSTANCE}
    decoded = decode_invocation(json.dumps({member: row}).encode(), MAX_ROWS)
    assert decoded.matrix.tobytes() == decode_batch(row_objects([EXAMPLE_INSTANCE]), MAX_ROWS).matrix.tobytes()
    assert decoded.application_ids == ["A"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        pytest.param(b"{", MalformedBody, id="cut off"),
        pytest.param(b"[]", InvalidInstance, id="an array"),
        pytest.param(b"{}", InvalidInstance, id="nothing"),
        pytest.param(b'{"inputs": [], "instances": []}', InvalidInstance, id="two forms"),
        pytest.param(b'{"inputs": {"Age_Days": 1}}', InvalidInstance, id="a row without the other features"),
        pytest.param(b'{"inputs": {}}', InvalidInstance, id="an empty object"),
        pytest.param(b'{"inputs": []}', InvalidInstance, id="no inputs"),
        pytest.param(b'{"inputs": 5}', InvalidInstance, id="a number"),
        pytest.param(b'{"inputs": [[1, 2]]}', InvalidInstance, id="a short row"),
        pytest.param(b'{"inputs": [1, 2]}', InvalidInstance, id="numbers without rows"),
        pytest.param(b'{"dataframe_split": {"data": [[1]]}}', InvalidInstance, id="no columns"),
        pytest.param(b'{"dataframe_split": [[1]]}', InvalidInstance, id="a split frame as an array"),
    ],
)
def test_a_bad_json_body_is_refused(content: bytes, fault: type[ServeError]) -> None:
    with pytest.raises(fault):
        decode_invocation(content, MAX_ROWS)


HEADER = ",".join(FEATURE_NAMES).encode()
VALUES = ",".join(map(str, EXAMPLE_INSTANCE.values())).encode()


@pytest.mark.parametrize(
    ("content", "fault", "instance", "field"),
    [
        pytest.param(b"", InvalidInstance, None, FEATURE_NAMES[0], id="nothing"),
        pytest.param(b"\n\n", InvalidInstance, None, FEATURE_NAMES[0], id="blank lines"),
        pytest.param(VALUES + b"\n" + VALUES, InvalidInstance, None, FEATURE_NAMES[0], id="no header"),
        pytest.param(HEADER + b"\n", InvalidInstance, None, None, id="a header alone"),
        pytest.param(HEADER + b",Age_Days\n" + VALUES + b",1", InvalidInstance, None, "Age_Days", id="a column twice"),
        pytest.param(HEADER + b"\n" + VALUES + b"\n" + VALUES + b",1", InvalidInstance, 1, None, id="a long row"),
        pytest.param(HEADER + b"\n" + VALUES + b"\n1,2", InvalidInstance, 1, None, id="a short row"),
        pytest.param(HEADER + b"\n" + b"," + VALUES.partition(b",")[2], InvalidInstance, 0, "Client_Income", id="gap"),
        pytest.param(HEADER + b"\n0x10," + VALUES.partition(b",")[2], InvalidInstance, 0, "Client_Income", id="hex"),
        pytest.param(HEADER + b'\n"' + VALUES, InvalidInstance, 0, None, id="a quote without end"),
        pytest.param(b"\xff" + HEADER, MalformedBody, None, None, id="a header that is no UTF-8"),
        pytest.param(
            HEADER + b",application_id\n" + VALUES + b",\xff",
            *(InvalidInstance, 0, "application_id"),
            id="an id that is no UTF-8",
        ),
        pytest.param(
            HEADER + b",application_id\n" + VALUES + b',"a\nb"',
            *(InvalidInstance, 0, "application_id"),
            id="an id with a line break",
        ),
    ],
)
def test_a_bad_table_is_refused(
    content: bytes, fault: type[ServeError], instance: int | None, field: str | None
) -> None:
    with pytest.raises(fault) as caught:
        decode_csv(content, MAX_ROWS)
    assert (caught.value.instance, caught.value.field) == (instance, field)


def test_an_id_that_is_missing_in_a_table_is_none() -> None:
    table = HEADER + b",application_id\n" + VALUES + b",A\n" + VALUES + b",\n"
    assert decode_csv(table, MAX_ROWS).application_ids == ["A", None]
