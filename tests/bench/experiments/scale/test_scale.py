"""`python -m bench scale` measures, prints, draws and keeps its curves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.__main__ import app
from tests.bench.experiments.conftest import Experiment

ALL = {
    *("trees", "depth", "files", "training_s", "training_memory", "drift_check", "drift_counts"),
    *("drain", "verify", "batch_rows_per_s", "batch_p99", "workers", "start", "servers", "servers_p99"),
}


def _measured(experiment: Experiment, folder: Path, *arguments: str) -> set[str]:
    figures, picture = folder / "scale.json", folder / "scale.png"
    done = experiment("scale", "--quick", *arguments, "--json", str(figures), "--png", str(picture))
    assert done.returncode == 0, done.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")
    written = json.loads(figures.read_text())
    assert written["machine"]["cores"] >= 1
    for curve in written["curves"]:
        assert len(curve["x"]) == len(curve["y"]) >= 1
        assert all(value > 0 for value in (*curve["x"], *curve["y"])), curve
        assert curve["title"].partition(",")[0] in done.stdout
    return {curve["name"] for curve in written["curves"]}


def test_chosen_curves_are_measured(experiment: Experiment, tmp_path: Path) -> None:
    assert _measured(experiment, tmp_path, "--only", "training") == {"training_s", "training_memory"}


@pytest.mark.long
@pytest.mark.timeout(900)
def test_all_curves_are_measured(experiment: Experiment, tmp_path: Path) -> None:
    assert _measured(experiment, tmp_path) == ALL


def test_unknown_part_is_refused() -> None:
    assert CliRunner().invoke(app, ["scale", "--only", "images"]).exit_code == 2
