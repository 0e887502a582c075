"""What the tests of the server share."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from tests.live_stack import LOGIN, LiveStack, project_environment

StartServer = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def client(stack: LiveStack) -> Iterator[httpx.Client]:
    """A client of the shared stack's server, with a key."""
    with httpx.Client(base_url=stack.url, headers=LOGIN, timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture
def start_server(tmp_path: Path) -> StartServer:
    """Runs `python -m serve` with arguments and settings until it ends, as the command `under` starts it."""

    def run(*arguments: str, under: Sequence[str] = (), **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*under, sys.executable, "-m", "serve", *arguments],
            env=project_environment(RUN_DIR=str(tmp_path), **settings),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
