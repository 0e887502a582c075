"""Scoring goes before all else, however the machine shares its cores."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from fraud.priority import AUTOGROUP, BACKGROUND, give_way
from fraud.stack.child import Child

SHOW = f"""
import os, pathlib
print(os.getpriority(os.PRIO_PROCESS, 0))
group = pathlib.Path({str(AUTOGROUP)!r})
print(group.read_text() if group.exists() else "")
"""


def assert_gives_way(shown: str) -> None:
    own, session = shown.splitlines()[:2]
    assert int(own) == BACKGROUND
    assert session.endswith(f"nice {BACKGROUND}") or not AUTOGROUP.exists()


def test_a_process_gives_way_with_its_session() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHOW],
        capture_output=True,
        text=True,
        check=True,
        start_new_session=True,
        preexec_fn=give_way,
    )
    assert_gives_way(done.stdout)


def test_a_child_of_the_stack_gives_way_with_its_session(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    child = Child("a child", (sys.executable, "-c", SHOW), dict(os.environ), log, before_start=give_way)
    child.wait()
    assert_gives_way(log.read_text())
