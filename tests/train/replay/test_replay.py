"""Two months on a small stack, as a person starts them; and a Ctrl-C in the midst."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest

from fraud.registry import CANDIDATE, PRODUCTION, Registry
from tests.live_stack import LENIENT_GATE, LiveStack, project_environment, wait_until

pytestmark = pytest.mark.timeout(600)

INTERRUPT_TIMEOUT_S = 90.0


def start_replay(stack: LiveStack, months: int, output: Path) -> subprocess.Popen[bytes]:
    environment = project_environment(RUN_DIR=str(stack.run_dir), COLUMNS="200", SERVE_WORKERS="1", **LENIENT_GATE)
    with output.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "train.replay", "--months", str(months)],
            cwd=output.parent,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
        )


def databases(stack: LiveStack) -> list[str]:
    connection = psycopg2.connect(stack.owner_dsn)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database")
            return [name for (name,) in cursor.fetchall()]
    finally:
        connection.close()


def production_state(stack: LiveStack) -> tuple[object, ...]:
    """All that a replay must not touch."""
    registry = Registry(stack.tracking_uri, "divorce-model")
    connection = psycopg2.connect(stack.owner_dsn)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM divorce_predictions")
            applications = cursor.fetchone()
            cursor.execute("SELECT count(*) FROM prediction_requests")
            predictions = cursor.fetchone()
    finally:
        connection.close()
    return registry.version_of(PRODUCTION), registry.version_of(CANDIDATE), applications, predictions


def processes_of(folder: Path) -> list[int]:
    """Processes that were started with the replay's own run folder."""
    mark = f"RUN_DIR={folder}".encode()
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdecimal() and mark in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found


def folder_of(stack: LiveStack, known: set[Path]) -> Path | None:
    folder = stack.run_dir / "replay"
    return next(iter(set(folder.glob("*")) - known), None)


@pytest.mark.long
def test_two_months(stack: LiveStack, tmp_path: Path) -> None:
    before, known = production_state(stack), set((stack.run_dir / "replay").glob("*"))
    output = tmp_path / "output"
    status = start_replay(stack, 2, output).wait(timeout=500)
    assert status == 0, output.read_text()
    folder = folder_of(stack, known)
    assert folder is not None
    replay = json.loads((folder / "replay.json").read_text())
    assert [month["verdict"] for month in replay["decisions"]] == ["pass", "pass"]
    assert [month["first_day"] for month in replay["decisions"]] == ["2025-05-01", "2025-06-01"]
    assert [month["served"] for month in replay["coming"]] == [1, 2]
    first, second = replay["coming"]
    assert first["production"] == first["never_retrained"]
    assert 0 < second["never_retrained"] < 1
    assert second["production"] != second["never_retrained"]
    assert replay["load"]["requests"] > 0
    assert replay["load"]["failures"] == 0
    assert (folder / "replay.png").read_bytes().startswith(b"\x89PNG")
    assert "2025-06" in output.read_text()
    assert production_state(stack) == before
    assert not any("_replay_" in name for name in databases(stack))
    assert processes_of(folder / "run") == []


def test_ctrl_c_ends_all_that_it_started(stack: LiveStack, tmp_path: Path) -> None:
    known = set((stack.run_dir / "replay").glob("*"))
    process = start_replay(stack, 1, tmp_path / "output")

    def training() -> bool:
        assert process.poll() is None, (tmp_path / "output").read_text()
        folder = folder_of(stack, known)
        if folder is None or not (folder / "logs" / "2025-05-train.log").exists():
            return False
        return processes_of(folder / "run") != []  # the log is there a moment before the process

    wait_until(training, INTERRUPT_TIMEOUT_S, "training runs")
    folder = folder_of(stack, known)
    assert folder is not None
    assert processes_of(folder / "run")
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(INTERRUPT_TIMEOUT_S) == 2
    assert "interrupted" in (tmp_path / "output").read_text()
    wait_until(lambda: processes_of(folder / "run") == [], 5, "nothing that it started runs")
    assert not any("_replay_" in name for name in databases(stack))
