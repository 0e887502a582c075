"""One task for another scheduler: a finding is success, what repeating can't change is told from what it may."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fraud.verdict import Verdict
from jenkins.schedule.once import TaskName, exit_status
from tests.live_stack import wait_until

ROOT = Path(__file__).parents[3]
BUSY = "import time; print('be' 'gun', flush=True); time.sleep(600)"
"""Its log line, which has this text, does not say that it has begun."""


@pytest.mark.parametrize("task", list(TaskName))
@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.FAIL])
def test_a_finding_is_success(task: TaskName, verdict: Verdict) -> None:
    assert exit_status(task, verdict) == 0


@pytest.mark.parametrize("task", list(TaskName))
@pytest.mark.parametrize("verdict", [Verdict.ERROR, Verdict.DATA_QUALITY_FAULT])
def test_a_fault_keeps_its_status(task: TaskName, verdict: Verdict) -> None:
    assert exit_status(task, verdict) == verdict.exit_status


def test_too_few_applications_are_looked_at_again_and_an_undecided_retraining_is_told() -> None:
    assert exit_status(TaskName.DRIFT, Verdict.INCONCLUSIVE) == 0
    assert exit_status(TaskName.RETRAIN, Verdict.INCONCLUSIVE) == 20


def test_a_check_that_can_not_run_is_an_error_and_writes_where_we_do(tmp_path: Path) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}},
        "RUN_DIR": str(tmp_path),
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
        "PYTHONPATH": str(ROOT),
    }
    command = (sys.executable, "-m", "jenkins.schedule.once", "drift-monitor")
    ended = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == Verdict.ERROR.exit_status
    assert "`python -m jenkins.drift check` ended with status 2" in ended.stderr
    assert "MLFLOW_TRACKING_URI" in ended.stdout + ended.stderr


def test_a_stop_ends_the_command_that_runs(tmp_path: Path) -> None:
    program = f"""
import sys
from fraud.verdict import Verdict
from jenkins.schedule import once

def work(commands):
    return Verdict.PASS if commands.run("timeit", "-n1", "-r1", {BUSY!r}) == 0 else Verdict.ERROR

once._WORK[once.TaskName.DRIFT] = once._Work(work, frozenset())
once.main(once.TaskName.DRIFT)
"""
    with (tmp_path / "output").open("wb") as output:
        process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=output, stderr=output)
    try:
        wait_until(lambda: b"begun" in (tmp_path / "output").read_bytes(), 60, "the command")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == Verdict.ERROR.exit_status
    finally:
        process.kill()
        process.wait()
