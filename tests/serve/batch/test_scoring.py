"""Every format, in and out: the same numbers, reasons and warnings as the API gives for the same rows."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fraud.features import FEATURE_NAMES
from fraud.languages import ENGLISH
from serve.batch import csv_file
from serve.batch.formats import FORMATS
from serve.batch.worker import ModelChoice
from serve.scoring.asks import Asks
from tests.serve.batch.scoring_files import (
    VERSION,
    bits,
    good_rows,
    make_model,
    read_table,
    score,
    table_of,
    write_table,
)
from tests.serve.scoring.test_scoring import Log, request, scoring_with

ROWS = good_rows(3_000)
IDS = [f"a-{number}" for number in range(len(ROWS))]


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of which a small file has several."""
    monkeypatch.setattr(csv_file, "BLOCK_BYTES", 20_000)
    monkeypatch.setattr(csv_file, "BLOCKS_A_PART", 3)
    for module in ("arrow_file", "parquet_file"):
        monkeypatch.setattr(f"serve.batch.{module}.PART_ROWS", 1_000)
        monkeypatch.setattr(f"serve.batch.{module}.CHUNK_ROWS", 300)


@pytest.fixture(scope="module")
def expected(model: ModelChoice) -> list[int]:
    values: list[int] = model.load(VERSION).engine.score(ROWS).view(np.uint32).tolist()
    return values


@pytest.mark.parametrize("extension", FORMATS)
def test_each_format_is_read_to_the_bit(
    model: ModelChoice, expected: list[int], extension: str, tmp_path: Path
) -> None:
    source = write_table(table_of(ROWS, IDS), tmp_path / f"in{extension}")
    result = score(model, [source], tmp_path / "out.parquet")
    answers = read_table(tmp_path / "out.parquet")
    assert (result.rows, result.rejected, result.version) == (len(ROWS), 0, VERSION)
    assert answers.column_names == ["application_id", "probability"]
    assert answers["application_id"].to_pylist() == IDS
    assert bits(answers) == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([source.name, "out.parquet"])


@pytest.mark.parametrize("extension", FORMATS)
def test_each_format_is_written_to_the_bit(
    model: ModelChoice, expected: list[int], extension: str, tmp_path: Path
) -> None:
    source = write_table(table_of(ROWS), tmp_path / "in.parquet")
    score(model, [source], tmp_path / f"out{extension}")
    answers = read_table(tmp_path / f"out{extension}")
    assert answers.column_names == ["probability"]
    assert bits(answers) == expected


def test_a_folder_has_a_part_for_each_part_of_the_inputs(
    model: ModelChoice, expected: list[int], tmp_path: Path
) -> None:
    files = [
        write_table(table_of(ROWS[:2_000]), tmp_path / "a.parquet"),
        write_table(table_of(ROWS[2_000:]), tmp_path / "b.csv"),
    ]
    score(model, files, f"{tmp_path}/out/")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["_SUCCESS", "_job.json", *(f"part-{number:06d}.parquet" for number in range(len(names) - 2))]
    assert len(names) > 4
    assert bits(pq.read_table(tmp_path / "out")) == expected


def test_several_processes_give_the_same_file(model: ModelChoice, tmp_path: Path) -> None:
    source = write_table(table_of(ROWS, IDS), tmp_path / "in.csv.gz")
    for workers in (1, 2):
        score(model, [source], tmp_path / f"{workers}.csv", workers=workers)
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "2.csv").read_bytes()


def test_a_gzip_of_several_members_is_read_whole(model: ModelChoice, expected: list[int], tmp_path: Path) -> None:
    plain = write_table(table_of(ROWS), tmp_path / "in.csv").read_bytes()
    source = tmp_path / "in.csv.gz"
    source.write_bytes(b"".join(gzip.compress(plain[start : start + 50_001]) for start in range(0, len(plain), 50_001)))
    score(model, [source], tmp_path / "out.parquet")
    assert bits(read_table(tmp_path / "out.parquet")) == expected


def test_an_arrow_stream_is_read(model: ModelChoice, expected: list[int], tmp_path: Path) -> None:
    table = table_of(ROWS)
    with pa.ipc.new_stream(tmp_path / "in.arrow", table.schema) as writer:
        writer.write_table(table, 700)
    score(model, [tmp_path / "in.arrow"], tmp_path / "out.parquet")
    assert bits(read_table(tmp_path / "out.parquet")) == expected


def test_a_version_is_chosen(tmp_path: Path) -> None:
    make_model(tmp_path, 3, base_score=0.6)
    model = make_model(tmp_path, 4)
    source = write_table(table_of(ROWS[:10]), tmp_path / "in.csv")
    assert score(model, [source], tmp_path / "4.csv").version == 4
    assert score(model, [source], tmp_path / "3.csv", version=3).version == 3
    assert (tmp_path / "3.csv").read_bytes() != (tmp_path / "4.csv").read_bytes()


def test_numbers_reasons_and_warnings_are_those_of_the_api(model: ModelChoice, tmp_path: Path) -> None:
    rows = ROWS[:50].copy()
    rows[7, FEATURE_NAMES.index("Age_Days")] = 95
    rows[9, FEATURE_NAMES.index("Age_Days")] = -1
    table = table_of(rows)
    body = orjson.dumps({"instances": table.to_pylist()})
    asked = request(body, "errors=report&reasons=3&language=nl&warnings=true")
    told = orjson.loads(scoring_with(model.load(VERSION), Log()).answer(asked).content)
    write_table(table, tmp_path / "in.parquet")
    asks = Asks(report=True, warnings=True, reasons=3, language="nl")
    score(model, [tmp_path / "in.parquet"], tmp_path / "out.arrow", asks=asks)
    found = read_table(tmp_path / "out.arrow")
    answered = [value and np.float32(value) for value in told["probabilities"]]
    assert [value and np.float32(value) for value in found["probability"].to_pylist()] == answered
    assert _as_float32(found["reasons"].to_pylist()) == _as_float32(told["reasons"])
    warnings = {row: text for row, text in enumerate(found["warning"].to_pylist()) if text is not None}
    assert warnings == {warning["instance"]: warning["message"] for warning in told["warnings"]}
    assert set(found["base"].to_pylist()) == {told["base"]}


def _as_float32(rows: list[list[dict[str, Any]] | None]) -> list[list[dict[str, Any]] | None]:
    return [
        row and [{**reason, **{name: np.float32(reason[name]) for name in ("value", "effect")}} for reason in row]
        for row in rows
    ]


def test_reasons_of_a_csv_are_one_text(model: ModelChoice, tmp_path: Path) -> None:
    source = write_table(table_of(ROWS[:20]), tmp_path / "in.csv")
    asks = Asks(report=True, reasons=2, language=ENGLISH)
    score(model, [source], tmp_path / "out.csv", asks=asks)
    score(model, [source], tmp_path / "out.parquet", asks=asks)
    texts = read_table(tmp_path / "out.csv")["reasons"].to_pylist()
    lists = read_table(tmp_path / "out.parquet")["reasons"].to_pylist()
    assert texts == ["; ".join(reason["text"] for reason in row) for row in lists]
    assert all(len(row) == 2 for row in lists)
