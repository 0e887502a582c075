"""`python -m serve.keys`: what it prints is what a server takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fraud.api_keys import ApiKey, Role, new_key, parse_api_keys
from tests.live_stack import project_environment


def keys(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "serve.keys", *arguments],
        env=project_environment(RUN_DIR=str(folder), **settings),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_new_key_comes_with_the_line_that_makes_it_known(tmp_path: Path) -> None:
    before = ApiKey.of(new_key(), "bank", [Role.SCORE])
    made = keys(tmp_path, "new", "agency", "--role", "score", "--role", "read", API_KEYS=str(before))
    assert made.returncode == 0, made.stderr
    key = next(line for line in made.stdout.splitlines() if line.startswith("mls_"))
    line = next(line for line in made.stdout.splitlines() if line.startswith("API_KEYS="))
    assert parse_api_keys(line.removeprefix("API_KEYS=")) == (
        before,
        ApiKey.of(key, "agency", [Role.SCORE, Role.READ]),
    )
    assert list(tmp_path.iterdir()) == []
    listed = keys(tmp_path, "list", API_KEYS=line.removeprefix("API_KEYS="))
    assert listed.stdout.splitlines()[0] == str(before)
    assert key not in listed.stdout


def test_a_key_may_score_unless_said_otherwise(tmp_path: Path) -> None:
    made = keys(tmp_path, "new", "agency")
    assert "API_KEYS=agency:score:" in made.stdout


def test_a_name_that_can_not_be_is_refused(tmp_path: Path) -> None:
    made = keys(tmp_path, "new", "a:b")
    assert made.returncode == 2
    assert "'a:b'" in made.stderr
