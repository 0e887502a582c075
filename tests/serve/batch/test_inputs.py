"""Which files a command line names."""

from __future__ import annotations

from pathlib import Path

import pytest

from serve.batch.errors import InputError
from serve.batch.inputs import input_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.csv", "a.parquet", "_SUCCESS", ".hidden.csv", "deep/c.csv.gz", "deep/d.csv", "_temporary/e.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        pytest.param(["b.csv", "a.parquet"], ["b.csv", "a.parquet"], id="files as they are named"),
        pytest.param(["."], ["a.parquet", "b.csv", "deep/c.csv.gz", "deep/d.csv"], id="a folder by name"),
        pytest.param(["*.csv"], ["b.csv"], id="a pattern"),
        pytest.param(["*/*.csv*"], ["deep/c.csv.gz", "deep/d.csv"], id="a pattern of folders"),
        pytest.param(["file://{folder}/deep"], ["deep/c.csv.gz", "deep/d.csv"], id="an address"),
        pytest.param(["deep/[c]*", "b.csv"], ["deep/c.csv.gz", "b.csv"], id="several"),
    ],
)
def test_files_are_found(folder: Path, texts: list[str], found: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    files = input_files([text.format(folder=folder) for text in texts])
    assert [str(file.location) for file in files] == [str(folder / name) for name in found]


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        pytest.param(["none.csv"], r"none.csv: does not exist: expected a file, a folder or a pattern", id="not there"),
        pytest.param(["*.tsv"], r"\*.tsv: matches no file: expected a name that ends with .csv", id="no match"),
        pytest.param(["empty"], r"empty: holds no files", id="an empty folder"),
        pytest.param(["notes.txt"], r"notes.txt: has an unknown format: expected a name that", id="format"),
        pytest.param(["mixed"], r"e.xlsx: has an unknown format", id="one of a folder's"),
        pytest.param(["b.csv", "./b.csv"], r"b.csv: is named twice", id="twice"),
        pytest.param(["b.csv", "*.csv"], r"b.csv: is named twice", id="twice by a pattern"),
        pytest.param(["gopher://host/b.csv"], r"gopher://host/b.csv: is not a readable address", id="scheme"),
    ],
)
def test_an_unreadable_input_is_refused(
    folder: Path, texts: list[str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "empty").mkdir()
    (folder / "mixed").mkdir()
    for name in ("notes.txt", "mixed/e.xlsx", "mixed/d.csv"):
        (folder / name).write_bytes(b"x")
    monkeypatch.chdir(folder)
    with pytest.raises(InputError, match=told):
        input_files(texts)


def test_a_login_in_an_address_is_not_told() -> None:
    with pytest.raises(InputError) as error:
        input_files(["gopher://name:secret@host/b.csv?token=secret"])
    assert "secret" not in str(error.value)
