"""What can't be done is refused before anything is scored, in words that say what was expected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from fraud.errors import ProjectError
from fraud.settings import load_settings
from serve.batch.run_lock import alone
from serve.batch.work_folder import Output
from serve.batch.worker import ModelChoice
from serve.scoring.asks import Asks
from tests.serve.batch.scoring_files import good_rows, make_model, score, table_of, write_table

TABLE = table_of(good_rows(20))
WITHOUT_AGE = TABLE.drop_columns("Age_Days")
WITH_MORE = TABLE.append_column("Extra", pa.array([1] * 20))
WITH_TEXT = TABLE.set_column(0, "Client_Income", pa.array(["x"] * 20))
Make = Callable[[Path], object]


def _write(name: str, content: bytes) -> Make:
    return lambda folder: (folder / name).write_bytes(content)


def _table(name: str, table: pa.Table) -> Make:
    return lambda folder: write_table(table, folder / name)


HEADER = ",".join(TABLE.column_names).encode()


@pytest.mark.parametrize(
    ("name", "make", "told"),
    [
        pytest.param("a.csv", _write("a.csv", b""), "a.csv: is empty: expected a header line", id="an empty CSV"),
        pytest.param("a.csv", _write("a.csv", HEADER), "a.csv: the file is empty: expected at least one", id="no row"),
        pytest.param("a.csv", _write("a.csv", HEADER + b"\n\n\r\n"), "the file is empty: expected", id="blank lines"),
        pytest.param(
            "a.csv",
            _table("a.csv", WITHOUT_AGE),
            "a.csv: column Age_Days is missing",
            id="missing column",
        ),
        pytest.param("a.csv.gz", _write("a.csv.gz", b"no gzip at all"), "a.csv.gz: can't be read", id="no gzip"),
        pytest.param(
            "a.csv",
            _table("a.csv", WITH_MORE),
            "unknown column 'Extra': expected",
            id="unknown column",
        ),
        pytest.param("a.parquet", _write("a.parquet", b""), "a.parquet: can't be read", id="an empty Parquet"),
        pytest.param("a.parquet", _write("a.parquet", b"PAR1 not"), "a.parquet: can't be read", id="no Parquet"),
        pytest.param(
            "a.parquet",
            _table("a.parquet", TABLE.slice(0, 0)),
            "a.parquet: the file is empty: expected at",
            id="no rows",
        ),
        pytest.param(
            "a.parquet",
            _table("a.parquet", WITH_TEXT),
            "Client_Income is of type string: expected an integer",
            id="type",
        ),
        pytest.param(
            "a.arrow",
            _table("a.arrow", TABLE.slice(0, 0)),
            "a.arrow: the file is empty: expected at least",
            id="no batch",
        ),
        pytest.param("a.arrow", _write("a.arrow", b"ARROW1 but no more"), "a.arrow: can't be read", id="no Arrow"),
    ],
)
def test_an_input_that_is_none_is_refused(model: ModelChoice, name: str, make: Make, told: str, tmp_path: Path) -> None:
    make(tmp_path)
    write_table(TABLE, tmp_path / "good.csv")
    with pytest.raises(ProjectError, match=told):
        score(model, [tmp_path / "good.csv", tmp_path / name], tmp_path / "out.csv")
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize(
    ("output", "told"),
    [
        pytest.param("in.csv", "is the output, or in it: expected another output", id="the input"),
        pytest.param("taken.csv", "taken.csv: exists already: expected a new name", id="taken"),
        pytest.param("taken/", "is not empty: expected a new folder", id="a folder of others"),
        pytest.param("inputs/", "is the output, or in it", id="the folder of an input"),
        pytest.param("out.xlsx", "out.xlsx: expected a name that ends with .csv.* or with / for a folder", id="format"),
    ],
)
def test_an_output_that_can_not_be_is_refused(model: ModelChoice, output: str, told: str, tmp_path: Path) -> None:
    for folder in ("taken", "inputs"):
        (tmp_path / folder).mkdir()
    (tmp_path / "taken.csv").write_text("")
    (tmp_path / "taken" / "mine").write_text("")
    inputs = [write_table(TABLE, tmp_path / name) for name in ("in.csv", "inputs/a.csv")]
    with pytest.raises(ProjectError, match=told):
        score(model, inputs, f"{tmp_path}/{output}")


def test_a_complete_output_is_not_scored_again(model: ModelChoice, tmp_path: Path) -> None:
    source = write_table(TABLE, tmp_path / "in.csv")
    for output, told in ((f"{tmp_path}/out/", "of a complete run"), (f"{tmp_path}/out.csv", "exists already")):
        score(model, [source], output)
        with pytest.raises(ProjectError, match=told):
            score(model, [source], output)


def test_a_second_run_on_the_same_output_is_refused(model: ModelChoice, tmp_path: Path) -> None:
    source = write_table(TABLE, tmp_path / "in.csv")
    with (
        alone(model.run_dir, Output.of(f"{tmp_path}/out.csv", "parquet")),
        pytest.raises(ProjectError, match="is being written by another run"),
    ):
        score(model, [source], tmp_path / "out.csv")


def test_a_version_without_reasons_gives_none(tmp_path: Path) -> None:
    model = make_model(tmp_path / "run", explained=False)
    source = write_table(TABLE, tmp_path / "in.csv")
    with pytest.raises(ProjectError, match="version 4 of the model has no reasons"):
        score(model, [source], tmp_path / "out.csv", asks=Asks(report=True, reasons=2))
    assert not list(tmp_path.glob("out*"))


def test_without_a_model_nothing_is_scored(tmp_path: Path) -> None:
    model = ModelChoice(tmp_path / "run", "divorce-model", make_model(tmp_path / "other").options)
    source = write_table(TABLE, tmp_path / "in.csv")
    for version, told in (
        (None, "no model registry .* and there is no local copy"),
        (9, "no model registry"),
    ):
        with pytest.raises(ProjectError, match=told):
            score(model, [source], tmp_path / "out.csv", version=version)
    assert load_settings().model_name == model.name
