"""The soak test itself, with a real server: short, so that only what does not depend on time is asked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.live_stack import project_environment

MANY_MINUTES = 10.0


def soak(minutes: float, folder: Path) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "bench", "soak", "--minutes", str(minutes), "--folder", str(folder)]
    done = subprocess.run(command, env=project_environment(), capture_output=True, text=True, check=False)
    assert (folder / "soak.json").exists(), done.stdout + done.stderr
    assert (folder / "soak.png").stat().st_size > 10_000
    return done.returncode, json.loads((folder / "soak.json").read_text())


def test_every_answer_is_on_record_to_the_row_and_nothing_else(tmp_path: Path) -> None:
    _, found = soak(0.2, tmp_path)
    records = found["records"]
    assert records["answered"] == records["recorded"] > 0
    assert records["answered_rows"] == records["recorded_rows"]
    assert (records["lost"], records["twice"], records["unanswered"]) == (0, 0, 0)
    maximum, *others = found["parts"]
    assert maximum["answered"] > 0
    assert sum(part["answered"] for part in others) == records["answered"]
    assert found["figures"]["strange"] == 0


@pytest.mark.long
def test_memory_and_latency_stay_flat_and_overload_is_survived(tmp_path: Path) -> None:
    status, found = soak(MANY_MINUTES, tmp_path)
    assert status == 0, found["reasons"]
