"""A feature that may be missing is taken without a value in every form, as NaN; no other one is."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from functools import cache
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fraud.features import EXAMPLE_INSTANCE, FEATURE_NAMES, column_of
from serve.api.inference_v2.requests import decode_request
from serve.decoding import DecodedRows, decode_batch, decode_instance
from serve.decoding.arrow_stream import decode_arrow
from serve.decoding.csv_table import decode_csv
from serve.decoding.mlflow_json import decode_invocation
from serve.decoding.parquet_table import decode_parquet
from serve.decoding.row_objects import decode_lines
from serve.decoding.row_scanner import RowScanner
from serve.errors import InvalidInstance, MalformedBody
from tests.compiled_code import COMPILED_DIR
from tests.serve.batch_forms import arrow_of, parquet_of

MAX_ROWS = 50
OPTIONAL = "Credit_Bureau"
REQUIRED = "ID_Days"
FULL: dict[str, Any] = dict(EXAMPLE_INSTANCE)

Decode = Callable[[str], DecodedRows]
"""Reads three rows, of which the second lacks the named feature."""


@cache
def scanner() -> RowScanner:
    return RowScanner(COMPILED_DIR)


def rows(name: str, *, absent: bool = False) -> list[dict[str, Any]]:
    second = {**FULL, name: None}
    if absent:
        del second[name]
    return [FULL, second, FULL]


def as_json(document: Any) -> bytes:
    return json.dumps(document).encode()


def arrays(name: str) -> list[list[Any]]:
    return [list(row.values()) for row in rows(name)]


def columns(name: str) -> dict[str, list[Any]]:
    return {feature: [row[feature] for row in rows(name)] for feature in FEATURE_NAMES}


def csv_of(name: str, blank: str) -> bytes:
    lines = [",".join(blank if value is None else str(value) for value in row) for row in arrays(name)]
    return "\n".join([",".join(FEATURE_NAMES), *lines]).encode()


def v2(datatype: str, data: Any, names: tuple[str, ...] = ("features",)) -> DecodedRows:
    inputs = [
        {
            "name": name,
            "shape": [3, len(FEATURE_NAMES)] if len(names) == 1 else [3],
            "datatype": datatype,
            "data": values,
        }
        for name, values in zip(names, data, strict=True)
    ]
    return decode_request(as_json({"inputs": inputs}), None, MAX_ROWS)[1]


def v2_binary(name: str, bits: int = 0x7FC00000) -> DecodedRows:
    matrix = np.array(arrays(name), dtype=np.float32)
    matrix.view(np.uint32)[1, column_of(name)] = bits
    tensor = {"name": "features", "shape": list(matrix.shape), "datatype": "FP32"}
    text = as_json({"inputs": [tensor | {"parameters": {"binary_data_size": matrix.nbytes}}]})
    return decode_request(text + matrix.tobytes(), str(len(text)), MAX_ROWS)[1]


def scan(body: bytes) -> DecodedRows:
    return scanner().decode_batch(body, MAX_ROWS)


FORMS: dict[str, Decode] = {
    "null": lambda name: decode_batch(as_json({"instances": rows(name)}), MAX_ROWS),
    "absent": lambda name: decode_batch(as_json({"instances": rows(name, absent=True)}), MAX_ROWS),
    "null, scanned": lambda name: scan(as_json({"instances": rows(name)})),
    "absent, scanned": lambda name: scan(as_json({"instances": rows(name, absent=True)})),
    "bare list": lambda name: decode_batch(as_json(rows(name)), MAX_ROWS),
    "lines": lambda name: decode_lines(b"\n".join(map(as_json, rows(name))), MAX_ROWS),
    "lines, absent": lambda name: decode_lines(b"\n".join(map(as_json, rows(name, absent=True))), MAX_ROWS),
    "row arrays": lambda name: decode_batch(as_json({"columns": FEATURE_NAMES, "data": arrays(name)}), MAX_ROWS),
    "columns": lambda name: decode_batch(as_json({"columns": columns(name)}), MAX_ROWS),
    "MLflow, split": lambda name: decode_invocation(
        as_json({"dataframe_split": {"columns": FEATURE_NAMES, "data": arrays(name)}}), MAX_ROWS
    ),
    "MLflow, records": lambda name: decode_invocation(as_json({"dataframe_records": rows(name)}), MAX_ROWS),
    "MLflow, arrays": lambda name: decode_invocation(as_json({"inputs": arrays(name)}), MAX_ROWS),
    "MLflow, columns": lambda name: decode_invocation(as_json({"inputs": columns(name)}), MAX_ROWS),
    "Arrow null": lambda name: decode_arrow(arrow_of(pa.table(columns(name))), MAX_ROWS),
    "Arrow NaN": lambda name: decode_arrow(
        arrow_of(pa.table({key: np.array(values, float) for key, values in columns(name).items()})), MAX_ROWS
    ),
    "Parquet": lambda name: decode_parquet(parquet_of(rows(name)), MAX_ROWS),
    "CSV": lambda name: decode_csv(csv_of(name, ""), MAX_ROWS),
    "v2, flat": lambda name: v2("FP32", [list(chain.from_iterable(arrays(name)))]),
    "v2, nested": lambda name: v2("FP64", [arrays(name)]),
    "v2, by feature": lambda name: v2("FP64", columns(name).values(), FEATURE_NAMES),
    "v2, binary": v2_binary,
}


@pytest.mark.parametrize("form", FORMS)
def test_a_value_that_may_be_missing_becomes_nan(form: str) -> None:
    expected = np.array([list(FULL.values())] * 3, np.float32)
    expected[1, column_of(OPTIONAL)] = np.nan
    assert FORMS[form](OPTIONAL).matrix.tobytes() == expected.tobytes()


@pytest.mark.parametrize("form", FORMS)
def test_a_value_that_may_not_be_missing_is_refused_by_name(form: str) -> None:
    with pytest.raises(InvalidInstance) as caught:
        FORMS[form](REQUIRED)
    assert (caught.value.instance, caught.value.field) == (1, REQUIRED)
    assert [fault.instance for fault in caught.value.faults] == [1]


@pytest.mark.parametrize("bits", [0x7F800001, 0xFFC00000, 0x7FFFFFFF], ids=["signalling", "negative", "payload"])
def test_every_nan_of_a_client_becomes_one_pattern(bits: int) -> None:
    matrix = v2_binary(OPTIONAL, bits).matrix
    assert struct.pack("<f", matrix[1, column_of(OPTIONAL)]) == bytes.fromhex("0000c07f")


def without(names: tuple[str, ...]) -> dict[str, list[Any]]:
    return {name: values for name, values in columns(OPTIONAL).items() if name not in names}


ABSENT_COLUMN: dict[str, Callable[[dict[str, list[Any]]], DecodedRows]] = {
    "columns": lambda table: decode_batch(as_json({"columns": table}), MAX_ROWS),
    "row arrays": lambda table: decode_batch(
        as_json({"columns": list(table), "data": list(zip(*table.values(), strict=True))}), MAX_ROWS
    ),
    "MLflow, split": lambda table: decode_invocation(
        as_json({"dataframe_split": {"columns": list(table), "data": list(zip(*table.values(), strict=True))}}),
        MAX_ROWS,
    ),
    "Arrow": lambda table: decode_arrow(arrow_of(pa.table(table)), MAX_ROWS),
    "Parquet": lambda table: decode_parquet(parquet_of(pa.table(table).to_pylist()), MAX_ROWS),
    "CSV": lambda table: decode_csv(
        "\n".join([",".join(table), *(",".join(map(str, row)) for row in zip(*table.values(), strict=True))]).encode(),
        MAX_ROWS,
    ),
    "v2": lambda table: v2("FP64", table.values(), tuple(table)),
}


@pytest.mark.parametrize("form", ABSENT_COLUMN)
def test_a_column_that_may_be_missing_may_be_absent(form: str) -> None:
    matrix = ABSENT_COLUMN[form](without((OPTIONAL,))).matrix
    assert np.isnan(matrix).sum(axis=0).tolist() == [3 * (name == OPTIONAL) for name in FEATURE_NAMES]


@pytest.mark.parametrize("form", ABSENT_COLUMN)
def test_a_column_that_may_not_be_missing_is_named(form: str) -> None:
    with pytest.raises(InvalidInstance) as caught:
        ABSENT_COLUMN[form](without((OPTIONAL, REQUIRED)))
    assert caught.value.field == REQUIRED


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_json_has_no_nan_for_a_value_that_may_be_missing_either(word: str) -> None:
    body = as_json({"instances": rows(OPTIONAL)}).replace(b"null", word.encode())
    with pytest.raises(InvalidInstance, match="found NaN or Infinity") as caught:
        scan(body)
    assert (caught.value.instance, caught.value.field) == (1, OPTIONAL)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('"Credit_Bureau": nul', id="cut off"),
        pytest.param('"Credit_Bureau": nulL', id="misspelt"),
        pytest.param('"Credit_Bureau": null1', id="followed by a digit"),
    ],
)
def test_a_misspelled_null_is_no_json(text: str) -> None:
    body = json.dumps(FULL).replace(f'"Credit_Bureau": {FULL[OPTIONAL]}', text).encode()
    for content in (body, body[: body.index(text.encode()) + len(text)]):
        with pytest.raises((MalformedBody, InvalidInstance)):
            scanner().decode_instance(content)
        with pytest.raises((MalformedBody, InvalidInstance)):
            decode_instance(content)


def test_the_compiled_scan_reads_missing_values_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> DecodedRows:
        raise LookupError

    scanner()
    monkeypatch.setattr("serve.decoding.row_scanner.decode_batch", refuse)
    monkeypatch.setattr("serve.decoding.row_scanner.decode_instance", refuse)
    bodies = [
        [FULL, *rows(OPTIONAL), *rows(OPTIONAL, absent=True)],
        [*rows(OPTIONAL, absent=True)[1:], dict(reversed(FULL.items()))],
        [rows(OPTIONAL, absent=True)[1]] * 3,
        [rows(OPTIONAL)[1]] * 3,
    ]
    for body in bodies:
        expected = np.array([[row.get(name) for name in FEATURE_NAMES] for row in body], np.float32)
        assert scan(as_json({"instances": body})).matrix.tobytes() == expected.tobytes()
    single = as_json(rows(OPTIONAL, absent=True)[1])
    assert np.isnan(scanner().decode_instance(single).matrix[0, column_of(OPTIONAL)])
