"""`python -m bench files` measures both sides on the same rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.__main__ import app
from bench.experiments.files.contest import OURS, PANDAS, Series


def test_the_start_is_not_the_rows() -> None:
    series = Series(".csv", 1_000, {OURS: [3.0, 3.0], PANDAS: [6.0, 6.0]}, {OURS: [0.5, 0.5], PANDAS: [4.0, 2.0]})
    whole, beyond_start = series.ratios()
    assert (whole.median, beyond_start.median) == (2.0, 6.0)
    assert series.rows_per_s(OURS) == 2_000


@pytest.mark.long
def test_both_sides_score_files(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    ended = CliRunner().invoke(app, ["files", "--rows", "2000", "--rounds", "1", "--json", str(figures)])
    assert ended.exit_code == 0, ended.output
    found = json.loads(figures.read_text())
    assert [series["format"] for series in found] == [".parquet", ".csv"]
    assert all(len(times) == 1 for series in found for times in series["whole_s"].values())
