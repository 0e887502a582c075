"""Rows that can't be scored are told apart from the others, by file, row, field and what was expected."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from fraud.features import FEATURE_NAMES
from serve.batch import csv_file
from serve.batch.worker import ModelChoice
from tests.serve.batch.scoring_files import bits, good_rows, read_table, score, table_of, write_table

ROWS = good_rows(2_000, seed=2)
AGE = FEATURE_NAMES.index("Age_Days")


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "BLOCK_BYTES", 20_000)
    monkeypatch.setattr(csv_file, "BLOCKS_A_PART", 2)
    for module in ("arrow_file", "parquet_file"):
        monkeypatch.setattr(f"serve.batch.{module}.PART_ROWS", 600)
        monkeypatch.setattr(f"serve.batch.{module}.CHUNK_ROWS", 250)


@pytest.mark.parametrize("extension", [".csv", ".csv.zst", ".parquet", ".arrow"])
def test_bad_rows_are_named_in_all_parts(model: ModelChoice, extension: str, tmp_path: Path) -> None:
    bad = [0, 299, 300, 1_234, 1_999]
    rows = ROWS.copy()
    rows[bad, AGE] = -5
    first = write_table(table_of(rows, [str(row) for row in range(len(rows))]), tmp_path / f"a{extension}")
    second = write_table(table_of(rows[:1], ["x"]), tmp_path / f"b{extension}")
    result = score(model, [first, second], tmp_path / "out.csv")
    assert (result.rows, result.rejected) == (2_001, 6)
    told = list(csv.reader((tmp_path / "out.csv.rejected.csv").open()))
    reason = "Age_Days is -5: expected a number of days, at least 0 and within float32"
    assert told[0] == ["file", "row", "field", "reason"]
    places = [(first, row + 1) for row in bad] + [(second, 1)]
    assert told[1:] == [[str(file), str(row), "Age_Days", reason] for file, row in places]
    answers = read_table(tmp_path / "out.csv")
    assert [row for row, value in enumerate(answers["probability"].to_pylist()) if value is None] == [*bad, 2_000]
    good = [row for row in range(len(ROWS)) if row not in bad]
    assert answers["application_id"].take(good).to_pylist() == [str(row) for row in good]
    engine_bits = model.load(4).engine.score(np.ascontiguousarray(ROWS[good])).view(np.uint32).tolist()
    assert bits(answers.take(good)) == engine_bits


@pytest.mark.parametrize(
    ("line", "field", "reason"),
    [
        pytest.param("{age}x", "Age_Days", "Age_Days: expected a number", id="no number"),
        pytest.param("", "Age_Days", "Age_Days is null or NaN: expected a number of days, at least 0", id="missing"),
        pytest.param("inf", "Age_Days", "Age_Days is inf: expected a number of days", id="infinite"),
        pytest.param("1,2", "", "the row has 11 values, expected 10", id="one too many"),
        pytest.param('"9\n9"', "Age_Days", "Age_Days: expected a number", id="a line break in quotes"),
    ],
)
def test_a_bad_line_of_a_csv_costs_itself_alone(
    model: ModelChoice, line: str, field: str, reason: str, tmp_path: Path
) -> None:
    source = write_table(table_of(ROWS), tmp_path / "in.csv")
    lines = source.read_text().splitlines(keepends=True)
    values = lines[1_501].split(",")
    values[AGE] = line.format(age=values[AGE])
    lines[1_501] = ",".join(values)
    source.write_text("".join(lines))
    assert score(model, [source], tmp_path / "out.parquet").rejected == 1
    _, told = csv.reader((tmp_path / "out.parquet.rejected.csv").open())
    assert told[:3] == [str(source), "1501", field]
    assert told[3].startswith(reason)
    answers = read_table(tmp_path / "out.parquet")["probability"]
    assert [row for row, value in enumerate(answers.to_pylist()) if value is None] == [1_500]


def test_a_file_of_bad_rows_alone_is_all_null(model: ModelChoice, tmp_path: Path) -> None:
    rows = ROWS[:5].copy()
    rows[:, AGE] = np.inf
    write_table(table_of(rows), tmp_path / "in.parquet")
    assert score(model, [tmp_path / "in.parquet"], tmp_path / "out.arrow").rejected == 5
    assert read_table(tmp_path / "out.arrow")["probability"].null_count == 5


def test_an_old_side_file_does_not_outlive_its_run(model: ModelChoice, tmp_path: Path) -> None:
    (tmp_path / "out.csv.rejected.csv").write_text("of before")
    write_table(table_of(ROWS[:5]), tmp_path / "in.arrow")
    score(model, [tmp_path / "in.arrow"], tmp_path / "out.csv")
    assert not (tmp_path / "out.csv.rejected.csv").exists()


def test_ids_that_are_none_are_rejected(model: ModelChoice, tmp_path: Path) -> None:
    table = table_of(ROWS[:3]).append_column("application_id", pa.array(["a", "b" * 65, None]))
    write_table(table, tmp_path / "in.parquet")
    assert score(model, [tmp_path / "in.parquet"], tmp_path / "out.csv").rejected == 1
    _, told = csv.reader((tmp_path / "out.csv.rejected.csv").open())
    assert told[1:3] == ["2", "application_id"]
    assert read_table(tmp_path / "out.csv")["application_id"].to_pylist() == ["a", None, None]
