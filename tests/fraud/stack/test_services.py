"""`make run` starts what it needs, ends all of it and nothing else, and says why when it can't."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from dotenv import dotenv_values

from bench.experiments.site.clock import Clock
from fraud.api_keys import ApiKey, Role, bearer, parse_api_keys
from fraud.features import EXAMPLE_INSTANCE
from fraud.registry import PRODUCTION, Registry
from fraud.stack.ports import hold_port
from serve.model.model_store import Manifest, model_store
from tests.earlier_versions import register_without_golden_rows
from tests.live_stack import (
    LiveStack,
    folder_for_postgres,
    project_environment,
    start_stack,
    stop_stack,
    wait_until_ready,
)

WARM_START_S = 60.0
DAY_S = 86_400
PROJECT = Path(__file__).parents[3]


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


def run_command(part: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", part, *arguments],
        env=environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


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


FailingStack = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def failing_stack(tmp_path: Path) -> FailingStack:
    """Runs `python -m fraud.stack`, with settings that it can't start by, until it ends."""
    return lambda **settings: run_command(
        "fraud.stack", **project_environment(**{"RUN_DIR": str(tmp_path), **settings})
    )


def test_a_wrong_setting_stops_it_with_one_line(failing_stack: FailingStack) -> None:
    run = failing_stack(SERVE_PORT="high")
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
        # A promise of the command and no benchmark: several times what it needs, also beside another worker's tests.
        assert time.monotonic() - started < WARM_START_S
        assert "Generated secrets" not in stack.output()
        assert httpx.get(stack.url + "/model-info", auth=stack.admin).json()["model_version"] == "1"
    finally:
        stop_stack(stack)


@pytest.mark.long
def test_a_run_folder_that_was_moved_starts_elsewhere_with_its_record(used_run_dir: Path) -> None:
    """As docs/how-to/back-up-and-restore.md has it: the folder, copied while nothing runs over it."""
    moved = used_run_dir.with_name("moved")
    shutil.copytree(used_run_dir, moved)
    stack = start_stack(moved, hold_port())
    try:
        wait_until_ready(stack)
        key = dotenv_values(moved / ".env")["SCORING_API_KEY"] or ""
        answer = httpx.post(stack.url + "/predict", json=EXAMPLE_INSTANCE, headers=bearer(key))
        assert answer.status_code == 200
        assert httpx.get(stack.url + "/mlflow/", auth=stack.admin).status_code == 200
        verified = run_command("serve.audit", "verify", **stack.environment)
        assert verified.returncode == 0, verified.stdout + verified.stderr
    finally:
        stop_stack(stack)


@pytest.mark.long
def test_stack_that_is_killed_takes_its_services_with_it(used_run_dir: Path) -> None:
    killed = start_stack(used_run_dir, hold_port())
    wait_until_ready(killed)
    services = processes_of(used_run_dir)
    killed.process.kill()
    killed.process.wait()
    _, alive = psutil.wait_procs(services, 120)
    assert alive == []
    assert processes_of(used_run_dir) == []
    assert (used_run_dir / "stack.env").exists(), "it could not take back the addresses"
    by_hand = run_command("initdb", "--schema-only", **killed.environment)
    assert "no PostgreSQL: set DATABASE_URL" in by_hand.stderr, "and nobody believes them"


SURROUNDINGS = {
    "HOME": "/proc",  # where not even root can write
    "TMPDIR": "/tmp",  # noqa: S108 - the usual one, which pytest may have replaced
    "HTTP_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "PGHOST": "/nowhere",
    "PGPORT": "7",
    "PGSERVICE": "none",
    "PGOPTIONS": "-c no_such_setting=1",
    "LC_ALL": "tr_TR.ISO-8859-9",
    "PYTHONIOENCODING": "ascii",
    "TZ": "Asia/Kathmandu",
    "SERVE_HOST": "::1",
}
"""What a machine may have set, none of it meant for us, and an address of the other family."""


@pytest.mark.long
def test_start_depends_on_nothing_of_its_surroundings(used_run_dir: Path, tmp_path: Path) -> None:
    moved = used_run_dir.rename(used_run_dir.with_name("moved, to Köln"))
    clock = Clock(tmp_path / "clock")
    clock.set_offset(-3 * DAY_S)
    try:
        stack = start_stack(moved, port := hold_port("::1"), **SURROUNDINGS, **clock.environment)
        wait_until_ready(stack)
        login = bearer(str(stack.secrets["SCORING_API_KEY"]))
        for offset_s in (0, 40 * DAY_S, -40 * DAY_S):  # the clock jumps
            clock.set_offset(offset_s)
            with httpx.Client(headers=login, trust_env=False, timeout=30) as client:
                answer = client.post(f"http://[::1]:{port}/predict", json=EXAMPLE_INSTANCE)
            assert answer.status_code == 200, answer.text
        assert run_command("initdb", "--schema-only", **stack.environment).returncode == 0
        assert stop_stack(stack, signal.SIGHUP) == 0, "as when the terminal is closed"
        assert processes_of(moved) == []
        assert not (moved / "stack.env").exists()
    finally:
        moved.rename(used_run_dir)


def test_run_folder_of_somebody_else_is_one_line(failing_stack: FailingStack, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = failing_stack(RUN_DIR=str(tmp_path / "file" / "run"))
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {tmp_path}/file/run can't be used (Not a directory): set RUN_DIR")


@pytest.mark.parametrize(
    ("host", "advice"),
    [
        ("192.0.2.1", "set SERVE_HOST to an address of this machine"),
        ("2001:db8::1", "set SERVE_HOST to an address of this machine"),
    ],
)
def test_address_of_another_machine_is_one_line(failing_stack: FailingStack, host: str, advice: str) -> None:
    done = failing_stack(SERVE_HOST=host)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: the server can't listen on {host}, port 8000 (")
    assert done.stderr.rstrip().endswith(advice)


@pytest.mark.long
@pytest.mark.parametrize(
    ("with_trees", "said"), [(True, "Converted again, it is version "), (False, "It can't be converted again: ")]
)
def test_model_of_an_earlier_version_is_replaced_and_kept(used_run_dir: Path, with_trees: bool, said: str) -> None:
    stack = start_stack(used_run_dir, hold_port())
    wait_until_ready(stack)
    registry = Registry(stack.tracking_uri, "divorce-model")
    unservable = register_without_golden_rows(registry, with_trees=with_trees)
    registry.set_alias(PRODUCTION, unservable.version)
    model = registry.fetch_model(unservable)
    assert stop_stack(stack) == 0
    shutil.rmtree(used_run_dir / "models")
    if with_trees:  # as when it was served here
        store = model_store(used_run_dir, "divorce-model")
        store.add(
            Manifest("divorce-model", unservable.version, unservable.sha256, unservable.data_cutoff), lambda: model
        )
        store.make_current(unservable.version)

    stack = start_stack(used_run_dir, hold_port())
    wait_until_ready(stack)
    assert "The model of an earlier version can't be served any more" in stack.output()
    assert said in stack.output()
    served = httpx.get(stack.url + "/model-info", auth=stack.admin).json()["model_version"]
    assert served == str(unservable.version + 1)
    assert Registry(stack.tracking_uri, "divorce-model").model_version(unservable.version) == unservable
    assert stop_stack(stack) == 0


@pytest.mark.long
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
