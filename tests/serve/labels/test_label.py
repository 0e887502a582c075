"""Every fault of every label is told, with what was expected; files and JSON give the same rows."""

from __future__ import annotations

import datetime as dt
import io
import tracemalloc
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from serve.errors import MalformedBody
from serve.labels.label import Label, checked
from serve.labels.reading import rows_of_file, rows_of_json

TODAY = dt.date(2026, 3, 15)
GOOD: dict[str, Any] = {"application_id": "A-1", "outcome": "divorce", "date": "2026-03-01", "source": "register"}
LABEL = Label("A-1", 1, dt.date(2026, 3, 1), "register")


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"application_id": None}, "application_id", "is missing: expected 1 to 64 printable"),
        ({"application_id": ""}, "application_id", "expected 1 to 64 printable"),
        ({"application_id": "x" * 65}, "application_id", "expected 1 to 64 printable"),
        ({"application_id": "a\nb"}, "application_id", "expected 1 to 64 printable"),
        ({"application_id": " a"}, "application_id", "without spaces at either end"),
        ({"application_id": 7}, "application_id", "of the type int"),
        ({"outcome": 1}, "outcome", "expected one of divorce, no_divorce, withdrawn"),
        ({"outcome": "suspicion"}, "outcome", "an officer's suspicion is a decision, not an outcome"),
        ({"outcome": []}, "outcome", "of the type list"),
        ({"date": "01-03-2026"}, "date", "expected a date as YYYY-MM-DD"),
        ({"date": "2026-02-30"}, "date", "and a date that exists"),
        ({"date": "2026-03-16"}, "date", "to 2026-03-15, which is today"),
        ({"date": "1899-12-31"}, "date", "expected a date from 1900-01-01"),
        ({"source": None}, "source", "is missing"),
        ({"source": "x" * 201}, "source", "expected 1 to 200 printable"),
        ({"suspicion": "yes"}, "suspicion", "is not a field of a label"),
    ],
)
def test_a_fault_names_its_field_and_what_was_expected(changes: dict[str, Any], field: str, expected: str) -> None:
    labels, faults = checked([GOOD, {**GOOD, "application_id": "A-2", **changes}], TODAY)
    assert labels == [LABEL]
    ((place, named, told),) = [(fault.instance, fault.field, fault.message) for fault in faults]
    assert (place, named) == (1, field)
    assert expected in told


def test_all_faults_of_all_labels_are_told() -> None:
    bad = {"application_id": "", "outcome": "x", "date": "x", "source": ""}
    _, faults = checked([bad] * 300 + ["no object", GOOD, GOOD], TODAY)
    assert [fault.instance for fault in faults if fault.field == "date"] == list(range(300))
    assert len([fault for fault in faults if fault.instance == 1]) == 5, "four, and that the id is there twice"
    assert [(fault.instance, fault.field) for fault in faults[-2:]] == [(300, None), (302, "application_id")]


@pytest.mark.parametrize("day", [dt.date(1900, 1, 1), TODAY])
def test_the_first_and_the_last_day_are_taken(day: dt.date) -> None:
    assert checked([{**GOOD, "date": day.isoformat()}], TODAY) == ([Label("A-1", 1, day, "register")], [])


def parquet(**columns: Any) -> bytes:
    file = io.BytesIO()
    pyarrow.parquet.write_table(pa.table(columns), file)
    return file.getvalue()


FILES = {
    "csv": b"application_id,outcome,date,source\nA-1,divorce,2026-03-01,register\n",
    "a byte order mark, semicolons, another order": (
        b"\xef\xbb\xbfsource;date;outcome;application_id\r\nregister;2026-03-01;divorce;A-1\r\n\r\n"
    ),
    "tabs": b"application_id\toutcome\tdate\tsource\nA-1\tdivorce\t2026-03-01\tregister",
    "parquet with texts": parquet(**{name: [value] for name, value in GOOD.items()}),
    "parquet with dates": parquet(**{**{name: [value] for name, value in GOOD.items()}, "date": [dt.date(2026, 3, 1)]}),
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_files_give_the_same_labels_as_json(content: bytes) -> None:
    assert checked(rows_of_file(content), TODAY) == ([LABEL], [])


def test_an_empty_value_of_a_csv_is_missing() -> None:
    _, faults = checked(rows_of_file(b"application_id,outcome,date,source\nA-1,,2026-03-01,register\n"), TODAY)
    assert [(fault.field, fault.message[:10]) for fault in faults] == [("outcome", "is missing")]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "columns"),
        (b"application_id,outcome,date\nA,divorce,2026-03-01\n", "expected application_id, outcome, date, source"),
        (b"application_id,outcome,date,source\n", "no label"),
        (b"application_id,outcome,date,source\nA,divorce\n", "line 2 of the file has 2 values: expected 4"),
        (b'application_id,outcome,date,source\n"A"b,divorce,2026-03-01,r\n', "not valid CSV: line 2"),
        (b"\xff\xfe", "expected CSV or Parquet"),
        (b"PAR1 and no more", "Parquet"),
        (FILES["parquet with texts"][:-20], "Parquet"),
        (parquet(application_id=["A"]), "expected application_id, outcome, date, source"),
    ],
)
def test_a_malformed_file_of_labels_is_refused(content: bytes, told: str) -> None:
    with pytest.raises(MalformedBody, match=told):
        rows_of_file(content)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"labels": {}}', b'{"labels": []}', b'{"labels": [], "x": 1}', b"\xff"]
)
def test_malformed_json_of_labels_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedBody, match='"labels"'):
        rows_of_json(body)


def test_a_label_of_a_million_strange_fields_has_few_faults() -> None:
    _, faults = checked([{**GOOD, **{f"x{place}": "" for place in range(1_000_000)}}], TODAY)
    assert len(faults) == 11
    assert (faults[-1].field, "999,990 more" in faults[-1].message) == (None, True)


def test_a_long_text_that_many_rows_name_takes_its_memory_once() -> None:
    """A dictionary in a file of some kilobytes would become gigabytes."""
    rows, text = 2000, "x" * 500_000
    source = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([text]))
    names = pa.array([f"A-{place}" for place in range(rows)])
    content = parquet(application_id=names, outcome=["divorce"] * rows, date=["2026-03-01"] * rows, source=source)
    assert len(content) < 100_000
    usual = pa.default_memory_pool()
    counted = pa.proxy_memory_pool(usual)  # knows the peak of this test alone
    pa.set_memory_pool(counted)
    tracemalloc.start()
    try:
        read = rows_of_file(content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(usual)
    assert 0 < counted.max_memory() < 100_000_000
    assert peak < 100_000_000
    labels, faults = checked(read, TODAY)
    assert (labels, {fault.field for fault in faults}, len(faults)) == ([], {"source"}, rows)


@pytest.mark.parametrize("kind", [pa.list_(pa.string()), pa.struct([("source", pa.string())]), pa.binary()])
def test_a_column_that_is_no_text_is_refused(kind: pa.DataType) -> None:
    columns = {name: [value] for name, value in GOOD.items()}
    with pytest.raises(MalformedBody, match="column source of the file has the type"):
        rows_of_file(parquet(**{**columns, "source": pa.array([None], kind)}))
