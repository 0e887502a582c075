"""`python -m convert` as a user meets it."""

from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import convert.__main__ as command
from convert.exporter import export
from fraud.forest import Forest
from tests.convert.small_models import applications, fit, plain


@pytest.fixture
def files(tmp_path: Path) -> Path:
    plain().save_model(tmp_path / "model.ubj")
    np.save(tmp_path / "rows.npy", applications(200_000, seed=1))
    return tmp_path


def arguments(folder: Path, model: str = "model.ubj", rows: str = "rows.npy") -> list[str]:
    return [str(folder / model), str(folder / "out.onnx"), "--rows", str(folder / rows)]


def test_a_model_that_passes_is_written_and_reported(files: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "convert", *arguments(files)],
        cwd=Path(__file__).parents[2],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["rows"]["real"] == 200_000
    assert report["model_sha256"] == hashlib.sha256((files / "out.onnx").read_bytes()).hexdigest()
    assert {path.name for path in files.iterdir()} == {"model.ubj", "rows.npy", "out.onnx"}


def test_few_rows_are_made_up_to_200000_which_is_told(files: Path) -> None:
    np.save(files / "few.npy", applications(100))
    done = CliRunner().invoke(command.app, arguments(files, rows="few.npy"))
    assert done.exit_code == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["rows"]["real"], report["rows"]["made"]) == (100, 199_900)
    assert "(100 real, 199,900 made of their values, " in done.stderr


def test_an_unusable_model_is_one_line_and_status_2(files: Path) -> None:
    np.save(files / "none.npy", applications(0))
    np.save(files / "pickled.npy", np.array([{"a": 1}], dtype=object))
    (files / "text.ubj").write_text("not a model")
    (files / "pickle.ubj").write_bytes(pickle.dumps({"trees": list(range(1_000))}))
    fit(objective="binary:logitraw").save_model(files / "raw.ubj")
    for names, message in (
        ({"rows": "none.npy"}, "there is no row"),
        ({"rows": "absent.npy"}, "No such file"),
        ({"rows": "pickled.npy"}, "another format"),
        ({"rows": "text.ubj"}, "another format"),
        ({"model": "absent.ubj"}, "No such file"),
        ({"model": "text.ubj"}, "can't read the model"),
        ({"model": "pickle.ubj"}, "no pickle"),
        ({"model": "raw.ubj"}, "binary:logitraw"),
    ):
        done = CliRunner().invoke(command.app, arguments(files, **names))
        assert done.exit_code == 2, (names, done.stderr)
        assert message in done.stderr
        assert done.stderr.strip().count("\n") == 0, done.stderr
        assert done.stdout == ""
    assert not (files / "out.onnx").exists()


def test_failed_parity_is_status_10_and_leaves_no_file(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoiled(forest: Forest) -> object:
        base, *others = forest.trees
        return export(Forest((replace(base, value=base.value + np.float32(0.001)), *others)))

    monkeypatch.setattr("convert.conversion.export", spoiled)
    done = CliRunner().invoke(command.app, arguments(files))
    assert done.exit_code == 10
    assert "parity failed" in done.stderr
    assert not (files / "out.onnx").exists()


def test_help_is_in_full_sentences() -> None:
    shown = CliRunner().invoke(command.app, ["--help"])
    assert shown.exit_code == 0
    assert "prove that both give the same" in shown.output
