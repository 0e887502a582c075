"""Each fault is told with its file, line and column; the first hundred in full, all of them by their kinds."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from rich.console import Console

from fraud.features import FEATURES
from initdb.applications.checking import Checker
from initdb.applications.faults import SHOWN_FAULTS, Faults
from initdb.applications.loading import Load, load_files
from initdb.applications.mode import Mode
from initdb.applications.opening import open_file, our_columns
from initdb.errors import FaultyApplicationsError
from tests.initdb.applications.own_rows import GOOD, own_table, stored, write_csv, write_table


def faults_of(path: Path) -> Faults:
    """Without a database: what is at fault in the rows by themselves."""
    file, faults = open_file(path), Faults()
    columns = our_columns(file, {})
    checker = Checker(file, columns, "", faults)
    for batch in file.batches(tuple(columns.values()), lambda _: None):
        checker.good_rows(batch)
    return faults


def first_of(path: Path) -> list[str]:
    return [str(fault) for fault in faults_of(path).first]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        *((feature.name, "", "is missing") for feature in FEATURES if not feature.may_be_missing),
        *((feature.name, "NaN", "is missing") for feature in FEATURES if not feature.may_be_missing),
        *((feature.name, "n/a", "'n/a' is not a number") for feature in FEATURES),
        *((feature.name, "-1", "'-1' is out of range") for feature in FEATURES),
        *((feature.name, "inf", "'inf' is not a number") for feature in FEATURES),
        *((feature.name, "1e200", "'1e200' is out of range") for feature in FEATURES),
        *((feature.name, "7.5", "'7.5' is not a whole number") for feature in FEATURES if feature.integral),
        ("Client_Income", "1e39", "'1e39' is out of range"),
        ("Client_Income", "13.500,45", "'13.500,45' is not a number"),
        ("Client_Income", "13 500", "'13 500' is not a number"),
        ("Client_Income", "0x10", "'0x10' is not a number"),
        ("Age_Days", "2147483648", "'2147483648' is out of range"),
        ("Education_Days", "4000", "'4000' is not one of the allowed values"),
        ("Date", "", "is missing"),
        ("Date", "29.02.2024", "'29.02.2024' is not a date as YYYY-MM-DD"),
        ("Date", "2023-02-29", "'2023-02-29' is not a date as YYYY-MM-DD"),
        ("Date", "2024-13-01", "'2024-13-01' is not a date as YYYY-MM-DD"),
        ("Date", "2024-02-28 13:45:00", "'2024-02-28 13:45:00' is not a date as YYYY-MM-DD"),
        ("Divorce", "", "is missing"),
        ("Divorce", "2", "'2' is neither 0 nor 1"),
        ("Divorce", "yes", "'yes' is neither 0 nor 1"),
        ("Divorce", "0.5", "'0.5' is neither 0 nor 1"),
        ("application_id", "", "is missing"),
        ("application_id", "A\x07", r"'A\x07' is not an id of 1 to 64 printable characters"),
        ("application_id", "A" * 65, f"'{'A' * 37}...' is not an id of 1 to 64 printable characters"),
    ],
)
def test_faulty_value_is_told_with_line_and_column(tmp_path: Path, name: str, value: str, words: str) -> None:
    value = f'"{value}"' if "," in value else value
    path = write_csv(tmp_path / "own.csv", {}, {name: value}, {})
    assert first_of(path) == [f"own.csv, line 3, {name}: {words}"]


def test_id_that_is_not_in_utf_8_is_a_fault_and_other_columns_may_be_anything(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "own.csv", {"application_id": "M?ller"}, {})
    text = path.read_bytes().replace(b"M?ller", "Müller".encode("latin-1"))
    path.write_bytes(b"".join(line + b",M\xfcnchen\n" for line in text.splitlines()))
    assert first_of(path) == ["own.csv, line 2, application_id: 'M�ller' is not an id of 1 to 64 printable characters"]


def test_all_faults_of_a_row_are_told_and_rows_come_in_their_order(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "own.csv", {"Divorce": "x"}, {"Age_Days": "", "Date": "x", "Divorce": "7"}, {}, {"ID_Days": "x"}
    )
    places = [(fault.place, fault.column) for fault in faults_of(path).first]
    assert places == [
        ("line 2", "Divorce"),
        ("line 3", "Date"),
        ("line 3", "Age_Days"),
        ("line 3", "Divorce"),
        ("line 5", "ID_Days"),
    ]


def test_lines_are_those_of_the_file_whatever_stands_before(tmp_path: Path) -> None:
    columns = (*GOOD, "note")
    rows = [f"{','.join(GOOD.values())},{note}" for note in ("plain", '"two\nlines, and ""quotes"""', "plain")]
    bad = ",".join((GOOD | {"Age_Days": "?"}).values()) + ",plain"
    path = tmp_path / "own.csv"
    path.write_text("\n".join([",".join(columns), rows[0], "", rows[1], "", "", bad, rows[2]]) + "\n")
    assert first_of(path) == ["own.csv, line 8, Age_Days: '?' is not a number"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        pytest.param("A,2024-01-01,1", "is not a valid row: 3 values, expected 13", id="too short"),
        pytest.param(",".join([*GOOD.values(), "1"]), "is not a valid row: 14 values, expected 13", id="too long"),
        pytest.param('"A"1,2', "is not a valid row: ',' expected after '\"'", id="stray quote"),
    ],
)
def test_broken_row_is_told_and_the_others_are_read(tmp_path: Path, row: str, words: str) -> None:
    path = write_csv(tmp_path / "own.csv", {}, {}, {"Age_Days": "?"})
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], row, *lines[2:]]))
    assert first_of(path) == [f"own.csv, line 3: {words}", "own.csv, line 5, Age_Days: '?' is not a number"]


@pytest.mark.parametrize("rows", [10, 20_000], ids=["to the end", "beyond what a value can be"])
def test_quote_without_an_end_is_told_where_it_begins(tmp_path: Path, rows: int) -> None:
    path = write_csv(tmp_path / "own.csv", {}, {"application_id": '"A'}, *[{}] * rows)
    assert first_of(path)[0].startswith("own.csv, line 3: is not a valid row: ")


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".arrows"])
def test_rows_of_what_has_no_lines_are_counted_from_1(tmp_path: Path, suffix: str) -> None:
    frame = own_table(120_000)
    frame.loc[100_001, "Age_Days"] = -7
    path = write_table(tmp_path / f"own{suffix}", pa.Table.from_pandas(frame, preserve_index=False))
    assert first_of(path) == [f"own{suffix}, row 100002, Age_Days: '-7' is out of range"]


def test_hundred_are_told_and_all_are_counted(tmp_path: Path) -> None:
    faults = faults_of(write_csv(tmp_path / "own.csv", *[{"Age_Days": "?"}] * 300, *[{"Divorce": "2"}] * 25))
    assert len(faults) == 325
    lines = faults.lines()
    assert lines[SHOWN_FAULTS - 1] == "own.csv, line 101, Age_Days: '?' is not a number"
    assert lines[SHOWN_FAULTS:] == [
        "... and 225 more",
        "325 faults, nothing was loaded:",
        "  300 x Age_Days is not a number",
        "  25 x Divorce is neither 0 nor 1",
    ]


def test_id_that_is_twice_is_told_with_both_places(database: str, tmp_path: Path) -> None:
    first = write_csv(tmp_path / "first.csv", {"application_id": "A"}, {"application_id": "B"}, {"application_id": "A"})
    second = write_csv(tmp_path / "second.csv", {"application_id": "B"}, {"application_id": "C", "Age_Days": "x"})
    with pytest.raises(FaultyApplicationsError) as caught:
        load_files(database, Load((first, second), {}, Mode.APPEND), Console(quiet=True))
    assert str(caught.value).splitlines() == [
        "second.csv, line 3, Age_Days: 'x' is not a number",
        "first.csv, line 4, application_id: 'A' is there twice: also first.csv, line 2",
        "second.csv, line 2, application_id: 'B' is there twice: also first.csv, line 3",
        "3 faults, nothing was loaded:",
        "  2 x application_id is there twice",
        "  1 x Age_Days is not a number",
    ]
    assert stored(database) == []
