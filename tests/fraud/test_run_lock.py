"""The run folder is held by one process at a time, and by none that is dead."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fraud.run_lock import hold, is_held

PROJECT = Path(__file__).parents[2]
HOLD_AND_WAIT = """
import sys
from pathlib import Path
from fraud.run_lock import hold
print(hold(Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


def holder(run_dir: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD_AND_WAIT, str(run_dir)], cwd=PROJECT, stdin=-1, stdout=-1, text=True
    )


def test_folder_that_is_held_is_refused_to_others(tmp_path: Path) -> None:
    with holder(tmp_path) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "True\n"
        assert is_held(tmp_path)
        assert not hold(tmp_path)
        first.kill()
    assert not is_held(tmp_path)
    assert hold(tmp_path), "a holder that was killed has left no lock"
    assert is_held(tmp_path), "our own lock counts too"


def test_asking_takes_no_lock(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    assert not is_held(tmp_path)
    with holder(tmp_path) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        other.kill()


def test_folder_without_a_lock_file_is_not_held(tmp_path: Path) -> None:
    assert not is_held(tmp_path / "none")
