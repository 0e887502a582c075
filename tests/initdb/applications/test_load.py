"""Whatever form they come in, applications arrive as they are: all of them, or none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from rich.console import Console

from fraud.database import connect
from fraud.features import FEATURE_NAMES
from fraud.provenance import OwnRows, Provenance, ReferenceRows, read_provenance
from initdb.applications.loading import Load, load_files
from initdb.applications.mode import Mode
from initdb.errors import ApplicationsFileError, FaultyApplicationsError, LoadError
from initdb.training_table import write_provenance
from tests.initdb.applications.own_rows import (
    GOOD,
    own_table,
    stored,
    write_csv,
    write_table,
)

QUIET = Console(quiet=True)
REFERENCE = ReferenceRows("generated rows", 1, 0.5, 7)


def load(dsn: str, *files: Path, mode: Mode = Mode.APPEND, **renamed: str) -> OwnRows:
    return load_files(dsn, Load(files, renamed, mode), QUIET)


def provenance(dsn: str) -> Provenance | None:
    with connect(dsn) as connection:
        return read_provenance(connection)


def expected(frame: pd.DataFrame) -> list[tuple[object, ...]]:
    rows = frame.sort_values("application_id")[["application_id", "Date", *FEATURE_NAMES, "Divorce"]]
    return [tuple(row) for row in rows.astype(object).itertuples(index=False)]


@pytest.fixture
def lenient_database(database: str) -> str:
    """As the schema is for what the declaration lets be missing."""
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute('ALTER TABLE divorce_predictions ALTER "Credit_Bureau" DROP NOT NULL')
    return database


@contextmanager
def execution(dsn: str, before: str, after: str) -> Iterator[None]:
    for statement in (before, after):
        with connect(dsn) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
        if statement == before:
            yield


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".arrow", ".arrows"])
def test_every_value_date_and_label_arrives_as_it_is(database: str, tmp_path: Path, suffix: str) -> None:
    frame = own_table(3_000)
    path = write_table(tmp_path / f"own{suffix}", pa.Table.from_pandas(frame, preserve_index=False))
    part = load(database, path)
    assert part.rows == 3_000
    rows = stored(database)
    singles = [tuple(np.float32(value) if isinstance(value, float) else value for value in row) for row in rows]
    assert singles == expected(frame)
    (file,) = part.files
    assert (file.name, file.sha256, file.rows) == (path.name, hashlib.sha256(path.read_bytes()).hexdigest(), 3_000)
    assert provenance(database) == Provenance((part,))


def test_file_of_many_batches_is_loaded_batch_by_batch(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("csv_file", "arrow_file"):
        monkeypatch.setattr(f"initdb.applications.{module}.BATCH_ROWS", 64)
    frame = own_table(1_000)
    halves = [pa.Table.from_pandas(half, preserve_index=False) for half in (frame[:500], frame[500:])]
    load(database, write_table(tmp_path / "a.csv", halves[0]), write_table(tmp_path / "b.parquet", halves[1]))
    assert [row[0] for row in stored(database)] == sorted(frame["application_id"])


@pytest.mark.parametrize(
    ("change", "value"),
    [
        pytest.param(lambda c: c.cast(pa.decimal128(12, 2)), 13500.25, id="decimal"),
        pytest.param(lambda c: c.cast(pa.string()), 13500.25, id="text"),
        pytest.param(lambda c: c.cast(pa.string()).dictionary_encode(), 13500.25, id="dictionary"),
        pytest.param(lambda c: c.cast(pa.large_string()), 13500.25, id="large text"),
        pytest.param(lambda c: c.cast(pa.int64(), safe=False), 13500, id="integer"),
        pytest.param(lambda c: pa.array([True] * len(c)), None, id="boolean"),
    ],
)
def test_column_of_any_type_is_read_by_its_values(
    database: str, tmp_path: Path, change: Callable[[pa.ChunkedArray], pa.Array], value: float | None
) -> None:
    table = pa.Table.from_pandas(own_table(2), preserve_index=False)
    income = change(pa.chunked_array([[13500.25, 13500.25]]))
    path = write_table(tmp_path / "own.parquet", table.set_column(2, "Client_Income", income))
    if value is None:
        with pytest.raises(FaultyApplicationsError, match="row 1, Client_Income: 'true' is not a number"):
            load(database, path)
    else:
        load(database, path)
        assert [row[2] for row in stored(database)] == [value, value]


def test_number_is_rounded_once(database: str, tmp_path: Path) -> None:
    # Just above the middle of two float32; the float64 next to it is the middle, whose even neighbour is the lower one.
    text = "16777217.0000000001"
    load(database, write_csv(tmp_path / "own.csv", {"Client_Income": text}))
    assert stored(database)[0][2] == 16777218.0 == np.float32(np.nextafter(np.float32(16777216), np.float32(np.inf)))
    table = pa.table(
        {name: [GOOD[name]] for name in GOOD} | {"Client_Income": [Decimal(text)], "application_id": ["B"]}
    )
    load(database, write_table(tmp_path / "own.parquet", table))
    assert stored(database)[1][2] == 16777218.0


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("Client_Income", "1.35E+4", 13500.0),
        ("Client_Income", " 13500 ", 13500.0),
        ("Client_Income", ".5", 0.5),
        ("Age_Days", "9500.0", 9500),
        ("Employed_Days", "365243", 365243),
        ("Date", "2024-02-29 00:00:00", "2024-02-29"),
        ("Date", "2024-02-29T00:00", "2024-02-29"),
        ("Divorce", "1.0", 1),
        ("Divorce", "True", 1),
        ("Divorce", "false", 0),
        ("application_id", "Müller 7", "Müller 7"),
    ],
)
def test_spelling_that_means_a_value_is_read(
    database: str, tmp_path: Path, name: str, text: str, value: object
) -> None:
    load(database, write_csv(tmp_path / "own.csv", {name: text}))
    (row,) = stored(database)
    found = dict(zip(GOOD, row, strict=True))[name]
    assert (str(found) if name == "Date" else found) == value


@pytest.mark.parametrize("text", ["", "NaN", " "])
def test_feature_that_may_be_missing_is_stored_as_null(lenient_database: str, tmp_path: Path, text: str) -> None:
    load(lenient_database, write_csv(tmp_path / "own.csv", {"Credit_Bureau": text}))
    assert stored(lenient_database)[0][10] is None


@pytest.mark.parametrize("values", [[None, 3.0], [float("nan"), 3.0]])
def test_null_and_nan_of_arrow_are_stored_as_null(lenient_database: str, tmp_path: Path, values: list[float]) -> None:
    table = pa.Table.from_pandas(own_table(2), preserve_index=False)
    column = pa.array(values, pa.float64())
    load(lenient_database, write_table(tmp_path / "own.arrow", table.set_column(10, "Credit_Bureau", column)))
    assert [row[10] for row in stored(lenient_database)] == [None, 3]


def test_timestamp_counts_by_its_utc_day(database: str, tmp_path: Path) -> None:
    table = pa.Table.from_pandas(own_table(1), preserve_index=False)
    for number, (zone, day) in enumerate([(None, "2024-01-02"), ("America/New_York", "2024-01-02")]):
        moment = pa.array([1704162600], pa.timestamp("s", zone))  # 2024-01-02 02:30 UTC, in New York the day before
        named = table.set_column(1, "Date", moment).set_column(0, "application_id", pa.array([str(number)]))
        load(database, write_table(tmp_path / f"{number}.arrows", named))
        assert str(stored(database)[number][1]) == day


def test_columns_are_found_by_name_and_by_map(database: str, tmp_path: Path) -> None:
    table = pa.Table.from_pandas(own_table(5), preserve_index=False)
    theirs = table.rename_columns(["no", "filed on", *table.column_names[2:-1], "ended"])
    theirs = theirs.append_column("Date", pa.array(["printed"] * 5)).append_column("clerk", pa.array(["x"] * 5))
    path = write_table(tmp_path / "own.csv", theirs.select(list(reversed(theirs.column_names))))
    renamed: dict[str, Any] = {"no": "application_id", "filed on": "Date", "ended": "Divorce"}
    load(database, path, **renamed)
    assert [str(row[1]) for row in stored(database)] == [str(day) for day in own_table(5)["Date"]]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_are_told_by_the_header(database: str, tmp_path: Path, delimiter: str) -> None:
    own_table(5).to_csv(tmp_path / "own.csv", index=False, sep=delimiter)
    assert load(database, tmp_path / "own.csv").rows == 5


def test_byte_order_mark_and_other_line_ends_do_not_matter(database: str, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "own.csv", {}, {})
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert load(database, path).rows == 2


def test_file_without_ids_gets_its_own_and_is_not_loaded_twice(database: str, tmp_path: Path) -> None:
    columns = tuple(GOOD)[1:]
    path = write_csv(tmp_path / "own.csv", {}, {"Divorce": "1"}, columns=columns)
    load(database, path)
    ids = [row[0] for row in stored(database)]
    prefix = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    assert ids == [f"{prefix}-2", f"{prefix}-3"]
    with pytest.raises(FaultyApplicationsError, match=r"line 2, application_id: .* is already in the table"):
        load(database, path)


def test_append_adds_and_known_ids_are_faults(database: str, tmp_path: Path) -> None:
    first = load(database, write_csv(tmp_path / "first.csv", {"application_id": "A"}, {"application_id": "B"}))
    second = load(database, write_csv(tmp_path / "second.csv", {"application_id": "C"}))
    before = stored(database)
    path = write_csv(tmp_path / "third.csv", {"application_id": "D"}, {"application_id": "B", "Divorce": "1"})
    with pytest.raises(
        FaultyApplicationsError, match=r"third.csv, line 3, application_id: 'B' is already in the table"
    ):
        load(database, path)
    assert stored(database) == before
    assert provenance(database) == Provenance((first, second))

    third = load(database, path, mode=Mode.REPLACE_SAME)
    assert (third.rows, third.replaced) == (2, 1)
    assert [(row[0], row[-1]) for row in stored(database)] == [("A", 0), ("B", 1), ("C", 0), ("D", 0)]
    kept = provenance(database)
    assert kept == Provenance((first, second, third))
    assert kept is not None
    assert kept.rows == 4


def test_replace_takes_the_place_of_all_and_of_their_provenance(database: str, tmp_path: Path) -> None:
    with connect(database) as connection:
        write_provenance(connection, Provenance((REFERENCE,)))
    appended = load(database, write_csv(tmp_path / "first.csv", {"application_id": "A"}))
    assert provenance(database) == Provenance((REFERENCE, appended))
    replaced = load(database, write_csv(tmp_path / "second.csv", {"application_id": "B"}), mode=Mode.REPLACE)
    assert [row[0] for row in stored(database)] == ["B"]
    assert provenance(database) == Provenance((replaced,))


@pytest.mark.parametrize("mode", Mode)
def test_faulty_file_changes_nothing_whatever_else_comes_with_it(database: str, tmp_path: Path, mode: Mode) -> None:
    first = load(database, write_csv(tmp_path / "first.csv", {"application_id": "A"}))
    before = stored(database)
    good = write_csv(tmp_path / "good.csv", {"application_id": "B"})
    bad = write_csv(tmp_path / "bad.csv", {"application_id": "C"}, {"application_id": "D", "Age_Days": "?"})
    with pytest.raises(FaultyApplicationsError):
        load(database, good, bad, mode=mode)
    assert stored(database) == before
    assert provenance(database) == Provenance((first,))


def test_a_database_error_is_one_line_and_changes_nothing(database: str, tmp_path: Path) -> None:
    table = "ALTER TABLE divorce_predictions"
    check = f'{table} ADD CONSTRAINT adult CHECK ("Age_Days" > 6574)'
    with execution(database, check, f"{table} DROP CONSTRAINT adult"):
        with pytest.raises(LoadError, match="adult") as caught:
            load(database, write_csv(tmp_path / "own.csv", {"Age_Days": "3"}))
        assert "\n" not in str(caught.value)
        assert stored(database) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "No such file", id="not there"),
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(
            b"Date,Divorce\n2024-01-01,0\n", "has no column Client_Income, .*; it has Date, Divorce", id="columns"
        ),
        pytest.param(",".join(GOOD).encode() + b"\n", "has no row", id="header alone"),
        pytest.param((",".join(GOOD) + ",Divorce\n").encode(), "has column Divorce twice", id="column twice"),
        pytest.param(b"PAR1 and nothing", "can't be read|Parquet", id="no Parquet"),
        pytest.param(b"ARROW1 and nothing", "can't be read|not an Arrow file", id="no Arrow file"),
        pytest.param(b"\xff\xff\xff\xff\x10\x00\x00\x00", "can't be read|Expected", id="no Arrow stream"),
    ],
)
def test_file_that_cannot_be_used_is_one_line_that_names_it(
    database: str, tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "own"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ApplicationsFileError, match=message) as caught:
        load(database, path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_map_of_a_column_that_is_not_there_is_an_error(database: str, tmp_path: Path) -> None:
    with pytest.raises(ApplicationsFileError, match="has no column day, which --map names"):
        load(database, write_csv(tmp_path / "own.csv", {}), day="Date")


def test_column_of_a_type_without_a_text_is_an_error(database: str, tmp_path: Path) -> None:
    table = pa.Table.from_pandas(own_table(1), preserve_index=False)
    path = write_table(tmp_path / "own.parquet", table.set_column(5, "Age_Days", pa.array([{"days": 3}])))
    with pytest.raises(ApplicationsFileError, match="column Age_Days is struct"):
        load(database, path)


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".arrows"])
def test_file_that_ends_too_soon_is_an_error(database: str, tmp_path: Path, suffix: str) -> None:
    path = write_table(tmp_path / f"own{suffix}", pa.Table.from_pandas(own_table(3_000), preserve_index=False))
    path.write_bytes(path.read_bytes()[:-20_000])
    with pytest.raises(ApplicationsFileError, match=str(path)):
        load(database, path)
    assert stored(database) == []
