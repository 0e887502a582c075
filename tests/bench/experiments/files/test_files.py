"""`python -m bench files` measures all sides on the same rows."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.__main__ import app
from bench.experiments.files.contenders import OURS, PANDAS, PEERS
from bench.experiments.files.contest import Series, contest
from bench.experiments.files.errors import ContestError
from tests.bench.experiments.conftest import Experiment


def test_the_start_is_not_the_rows() -> None:
    series = Series(".csv", 1_000, {OURS: [3.0, 3.0], PANDAS: [6.0, 6.0]}, {OURS: [0.5, 0.5], PANDAS: [4.0, 2.0]})
    whole, beyond_start = series.ratios(PANDAS)
    assert (whole.median, beyond_start.median) == (2.0, 6.0)
    assert series.rows_per_s(OURS) == 2_000


@pytest.mark.parametrize(
    ("script", "told"),
    [
        pytest.param("raise SystemExit('no memory')", "serve.batch ended with status 1: no memory", id="fails"),
        pytest.param(
            "import sys; open(sys.argv[2], 'w').write('probability\\n0.5\\n')",
            "serve.batch gave 1 answers to 3000 rows",
            id="leaves rows out",
        ),
    ],
)
def test_a_contender_that_does_not_score_all_rows_is_told_of(script: str, told: str, tmp_path: Path) -> None:
    commands = {OURS: [sys.executable, "-c", script]}
    with pytest.raises(ContestError, match=told):
        contest(commands, ".csv", 2_000, 1, folder=tmp_path, environment={})


def test_an_unknown_peer_is_refused() -> None:
    ended = CliRunner().invoke(app, ["files", "--peer", "spark"])
    assert ended.exit_code == 2


@pytest.mark.long
def test_all_sides_score_files(experiment: Experiment, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    ended = experiment("files", "--rows", "2000", "--rounds", "1", "--json", str(figures))  # Ray's parts serve ports
    assert ended.returncode == 0, ended.stderr
    found = json.loads(figures.read_text())
    assert [series["format"] for series in found] == [".parquet", ".csv"]
    assert [set(series["whole_s"]) for series in found] == [{OURS, *PEERS}] * 2
    assert all(len(times) == 1 for series in found for times in series["whole_s"].values())
