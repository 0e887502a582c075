"""A stack as a person starts it, for tests: in a folder of its own, on a free port, ended by Ctrl-C."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from dotenv import dotenv_values
from psycopg2.extensions import make_dsn

from fraud.api_keys import SCORING_API_KEY, bearer, new_key
from fraud.settings import DatabaseRole
from fraud.stack.child import end_with_parent
from fraud.stack.credentials import write_private
from fraud.stack.ports import hold_port

STACK_START_TIMEOUT_S = 240.0
STACK_STOP_TIMEOUT_S = 60.0
SERVER_START_TIMEOUT_S = 60.0
SMALL_SCALE = "0.05"
MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 - only the folder in which a temporary one is made
MEMORY_ENOUGH_BYTES = 8 * 1024**3
"""All servers of two workers take less than half of it."""
API_KEY = new_key()
"""Of the client that the tests are."""
LOGIN = bearer(API_KEY)

LENIENT_GATE = {
    "GATE_RULE": "noninferior",
    "GATE_MARGIN": "1",
    "GATE_LEVEL": "0.4",
    "GATE_MIN_POSITIVES": "10",
    "GATE_LATENCY_RATIO": "1000",
    "GATE_P99_MS": "{}",
    "GATE_EFFORT": '{"window_s": 1, "min_pairs": 2, "max_pairs": 60, "too_noisy_ratio": 1000}',
}
"""Settings for tests of what comes before and after a gate; small data decide nothing, nor does a busy machine."""


def project_environment(**overrides: str) -> dict[str, str]:
    """The environment of a command under test: the machine's, without any setting of ours, plus what a test sets."""
    ours = (
        "POSTGRES_",
        "DATABASE_",
        "MLFLOW_",
        "SERVE_",
        "ADMIN_",
        "LOG_",
        "TRAIN",
        "SERVER_DB_",
        "DESK_DB_",
        "MAX_",
        "ENGINE",
        "SCORING_",
        "TODAY",
        "AUDIT",
        "ANCHOR_",
        "SPOOL_",
        "APPLICANT_",
        "AUTHENTICATION",
        "API_KEYS",
        "SSL_",
        "RATE_",
        "REVIEW_",
        "SHADOW_",
        "TRUSTED_",
        "OIDC_",
        "OTEL_",
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, **overrides}


@dataclass(frozen=True)
class LiveStack:
    """A stack as `make run` starts it, on a small data set, in a folder of its own."""

    process: subprocess.Popen[bytes]
    run_dir: Path
    url: str
    environment: dict[str, str]

    @property
    def secrets(self) -> dict[str, str | None]:
        return dotenv_values(self.run_dir / ".env")

    @property
    def addresses(self) -> dict[str, str | None]:
        return dotenv_values(self.run_dir / "stack.env")

    @property
    def owner_dsn(self) -> str:
        dsn = self.addresses["DATABASE_URL"]
        assert dsn is not None
        return dsn

    def dsn(self, role: DatabaseRole) -> str:
        password = {
            DatabaseRole.SERVER: "SERVER_DB_PASSWORD",
            DatabaseRole.TRAINER: "TRAINER_DB_PASSWORD",
            DatabaseRole.AUDITOR: "AUDITOR_DB_PASSWORD",
            DatabaseRole.DESK: "DESK_DB_PASSWORD",
            DatabaseRole.MLFLOW: "MLFLOW_DB_PASSWORD",
        }[role]
        return make_dsn(self.owner_dsn, user=role.value, password=self.secrets[password])

    @property
    def tracking_uri(self) -> str:
        uri = self.addresses["MLFLOW_TRACKING_URI"]
        assert uri is not None
        return uri

    @property
    def admin(self) -> tuple[str, str]:
        password = self.secrets["ADMIN_PASSWORD"]
        assert password is not None
        return "admin", password

    def output(self) -> str:
        return (self.run_dir / "output").read_text()


@contextmanager
def folder_for_postgres() -> Iterator[Path]:
    """A temporary folder outside of pytest's, in memory where that is plenty: a new cluster is a thousand files, which
    PostgreSQL waits for the disk to have.

    As root, PostgreSQL runs as another user, from whom pytest locks its own folders whenever a session starts.
    """
    is_plenty = MEMORY_FOLDER.is_dir() and psutil.virtual_memory().available > MEMORY_ENOUGH_BYTES
    place = MEMORY_FOLDER if is_plenty and shutil.disk_usage(MEMORY_FOLDER).free > MEMORY_ENOUGH_BYTES else None
    with tempfile.TemporaryDirectory(prefix="scoring-test-", dir=place, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def wait_until(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Return once the condition holds; fail the test when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.05)


def introduce_us(run_dir: Path) -> None:
    """Have a stack that was never started know our key, rather than make one itself."""
    write_private(run_dir / ".env", [f"{SCORING_API_KEY}={API_KEY}"])


STACK = (sys.executable, "-m", "fraud.stack")


def start_stack(run_dir: Path, port: int, command: Sequence[str] = STACK, **settings: str) -> LiveStack:
    """Start the stack, in a process group of its own, and return at once."""
    run_dir.mkdir(parents=True, exist_ok=True)
    usual = {"RUN_DIR": str(run_dir), "SERVE_PORT": str(port), "REFERENCE_SCALE": SMALL_SCALE, "COLUMNS": "200"}
    environment = project_environment(**{**usual, **settings})
    with (run_dir / "output").open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=run_dir,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_parent,  # noqa: PLW1509 - a test run that is killed leaves no stack behind
        )
    return LiveStack(process, run_dir, f"http://127.0.0.1:{port}", environment)


def wait_until_ready(stack: LiveStack, timeout_s: float = STACK_START_TIMEOUT_S) -> None:
    def ready() -> bool:
        assert stack.process.poll() is None, stack.output()
        return "Stop with Ctrl-C" in stack.output()

    wait_until(ready, timeout_s, "the stack says that it is ready")


@contextmanager
def server_beside(stack: LiveStack, run_dir: Path, **settings: str) -> Iterator[str]:
    """Address of one more server with settings of its own, on the stack's database, registry and secrets.

    It has pages for people only where the settings name the password of their role.
    """
    port = hold_port()
    known = {**stack.secrets, **stack.addresses, "DESK_DB_PASSWORD": None}
    shared = {name: value for name, value in known.items() if value is not None}
    # With the engine of the stack it would measure for two seconds which kernel is faster.
    own = {"RUN_DIR": str(run_dir), "SERVE_PORT": str(port), "ENGINE": "onnxruntime"}
    environment = project_environment(**{**shared, **own, **settings})
    log = run_dir / "server.log"
    url = f"{'https' if 'SSL_CERTFILE' in settings else 'http'}://127.0.0.1:{port}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "serve"], cwd=run_dir, env=environment, stdout=output, stderr=subprocess.STDOUT
        )

    def ready() -> bool:
        assert process.poll() is None, log.read_text()
        with suppress(httpx.TransportError):
            return httpx.get(url + "/health/ready", verify=False).status_code == 200  # noqa: S501 - asks whether it is there
        return False

    try:
        wait_until(ready, SERVER_START_TIMEOUT_S, "the server is ready")
        yield url
    finally:
        process.terminate()
        process.wait(STACK_STOP_TIMEOUT_S)


def stop_stack(stack: LiveStack, by: signal.Signals = signal.SIGINT) -> int:
    """Press Ctrl-C, as it were; returns the exit status."""
    stack.process.send_signal(by)
    return stack.process.wait(STACK_STOP_TIMEOUT_S)
