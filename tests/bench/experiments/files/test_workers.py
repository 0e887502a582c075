"""`python -m bench workers` scores by every number of workers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.__main__ import app
from tests.bench.experiments.conftest import Experiment


def _figures(folder: Path, *arguments: str) -> dict[str, dict[str, list[float]]]:
    figures = folder / "figures.json"
    ended = CliRunner().invoke(app, ["workers", "--rows", "2000", "--rounds", "1", "--json", str(figures), *arguments])
    assert ended.exit_code == 0, ended.output
    found: dict[str, dict[str, list[float]]] = json.loads(figures.read_text())
    return found


def test_each_number_of_workers_is_measured(tmp_path: Path) -> None:
    found = _figures(tmp_path, "--engine", "processes", "--max", "2")
    assert set(found["beyond_start_s"]) == {"processes 1", "processes 2"}
    assert all(len(times) == 1 and times[0] > 0 for times in found["whole_s"].values())


@pytest.mark.long
def test_a_ray_cluster_is_measured(experiment: Experiment, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    ended = experiment("workers", "--rows", "2000", "--rounds", "1", "--max", "1", "--json", str(figures))
    assert ended.returncode == 0, ended.stderr
    assert set(json.loads(figures.read_text())["whole_s"]) == {"processes 1", "ray 1"}


def test_an_unknown_engine_is_refused() -> None:
    assert CliRunner().invoke(app, ["workers", "--engine", "spark"]).exit_code == 2
