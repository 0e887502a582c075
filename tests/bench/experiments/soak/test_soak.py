"""The soak test itself, with a site of its own; its load and its records are tested in `test_load.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bench.experiments.conftest import Experiment

MANY_MINUTES = 10.0


def soak(experiment: Experiment, minutes: float, folder: Path) -> tuple[int, dict[str, Any]]:
    done = experiment("soak", "--minutes", str(minutes), "--folder", str(folder))
    assert (folder / "soak.json").exists(), done.stdout + done.stderr
    assert (folder / "soak.png").stat().st_size > 10_000
    return done.returncode, json.loads((folder / "soak.json").read_text())


@pytest.mark.long
def test_every_answer_is_on_record_to_the_row_and_nothing_else(experiment: Experiment, tmp_path: Path) -> None:
    _, found = soak(experiment, 0.2, tmp_path)
    records = found["records"]
    assert records["answered"] == records["recorded"] > 0
    assert records["answered_rows"] == records["recorded_rows"]
    assert (records["lost"], records["twice"], records["unanswered"]) == (0, 0, 0)
    maximum, *others = found["parts"]
    assert maximum["answered"] > 0
    assert sum(part["answered"] for part in others) == records["answered"]
    assert found["figures"]["strange"] == 0


@pytest.mark.long
def test_memory_and_latency_stay_flat_and_overload_is_survived(experiment: Experiment, tmp_path: Path) -> None:
    status, found = soak(experiment, MANY_MINUTES, tmp_path)
    assert status == 0, found["reasons"]
