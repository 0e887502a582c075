"""`make run` starts what it needs, ends all of it and nothing else, and says why when it can't."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from dotenv import dotenv_values

from fraud.api_keys import ApiKey, Role, parse_api_keys
from fraud.stack.ports import hold_port
from tests.live_stack import (
    LiveStack,
    folder_for_postgres,
    project_environment,
    start_stack,
    stop_stack,
    wait_until,
    wait_until_ready,
)

WARM_START_S = 60.0


def processes_of(run_dir: Path) -> list[psutil.Process]:
    """Processes that name the folder on their command line, in their environment or as their working directory."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), process.cwd(), process.environ().get("RUN_DIR", "")]
        except psutil.Error:
            continue
        if any(str(run_dir) in word for word in words):
            found.append(process)
    return found


def test_a_second_stack_on_the_same_port_or_folder_is_refused(stack: LiveStack, tmp_path: Path) -> None:
    port = stack.environment["SERVE_PORT"]
    for changes in ({"RUN_DIR": str(tmp_path / "other"), "SERVE_PORT": port}, {"SERVE_PORT": str(hold_port())}):
        second = subprocess.run(
            [sys.executable, "-m", "fraud.stack"],
            env={**stack.environment, **changes},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode == 2
        assert second.stderr.startswith("error: ")
    assert httpx.get(stack.url + "/health/ready").status_code == 200


def test_secrets_are_shown_once_and_addresses_only_while_it_runs(stack: LiveStack) -> None:
    password = stack.secrets["ADMIN_PASSWORD"]
    assert password is not None
    assert stack.output().count(password) == 1
    for log in (stack.run_dir / "logs").iterdir():
        assert password not in log.read_text()
    assert (stack.run_dir / "stack.env").stat().st_mode & 0o077 == 0


def test_a_wrong_setting_stops_it_with_one_line(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "fraud.stack"],
        env=project_environment(RUN_DIR=str(tmp_path), SERVE_PORT="high"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert run.stderr.startswith("error: SERVE_PORT='high': ")


@pytest.fixture(scope="module")
def used_run_dir() -> Iterator[Path]:
    """A run folder whose stack was started once and ended by Ctrl-C."""
    with folder_for_postgres() as folder:
        stack = start_stack(folder / "run", hold_port())
        try:
            wait_until_ready(stack)
            assert stop_stack(stack) == 0
        finally:
            stack.process.kill()
        yield folder / "run"


def test_the_calls_that_it_shows_can_be_pasted(stack: LiveStack) -> None:
    key, *calls = (line for line in stack.output().splitlines() if line.startswith(("KEY=", "curl ")))
    answers = [json.loads(subprocess.check_output(f"{key}; {call}", shell=True)) for call in calls]  # noqa: S602
    assert [list(answer) for answer in answers] == [["probability"], ["probabilities"]]


def test_the_key_for_our_own_clients_is_made_once_and_private(used_run_dir: Path) -> None:
    kept = dotenv_values(used_run_dir / ".env")
    key, entries = kept["SCORING_API_KEY"], kept["API_KEYS"]
    assert key is not None
    assert entries is not None
    assert parse_api_keys(entries) == (ApiKey.of(key, "local", [Role.SCORE, Role.READ]),)
    assert (used_run_dir / ".env").stat().st_mode & 0o077 == 0
    output = (used_run_dir / "output").read_text()
    assert output.count(key) == 1
    assert all(key not in log.read_text() for log in (used_run_dir / "logs").iterdir())


def test_ctrl_c_ends_everything(used_run_dir: Path) -> None:
    assert processes_of(used_run_dir) == []
    assert not (used_run_dir / "stack.env").exists()


def test_a_second_start_reuses_data_and_model(used_run_dir: Path) -> None:
    started = time.monotonic()
    stack = start_stack(used_run_dir, hold_port())
    try:
        wait_until_ready(stack)
        # A promise of the command and no benchmark: it leaves an idle machine several times what it needs.
        assert time.monotonic() - started < WARM_START_S
        assert "Generated secrets" not in stack.output()
        assert httpx.get(stack.url + "/model-info", auth=stack.admin).json()["model_version"] == "1"
    finally:
        stop_stack(stack)


def test_a_stack_that_was_killed_leaves_nothing_that_the_next_one_does_not_end(used_run_dir: Path) -> None:
    killed = start_stack(used_run_dir, hold_port())
    wait_until_ready(killed)
    killed.process.kill()
    killed.process.wait()
    # The database is a daemon and stays, for the next start to take over; the rest ends with its parent.
    wait_until(lambda: {p.name() for p in processes_of(used_run_dir)} == {"postgres"}, 30, "the services end")
    stack = start_stack(used_run_dir, hold_port())
    wait_until_ready(stack)
    stack.process.send_signal(signal.SIGINT)
    assert stop_stack(stack) == 0, "a second Ctrl-C does not disturb the stop"
    assert processes_of(used_run_dir) == []


def test_a_service_that_dies_ends_the_stack(used_run_dir: Path) -> None:
    stack = start_stack(used_run_dir, hold_port())
    try:
        wait_until_ready(stack)
        server = next(p for p in processes_of(used_run_dir) if p.cmdline()[1:] == ["-m", "serve"])
        server.kill()
        assert stack.process.wait(30) == 2
        assert "the scoring server ended with status -9" in stack.output()
    finally:
        stack.process.kill()
    assert processes_of(used_run_dir) == []
