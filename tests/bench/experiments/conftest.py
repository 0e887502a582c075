"""Experiments as a person starts them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.live_stack import project_environment

Experiment = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def experiment() -> Experiment:
    """Runs `python -m bench` with the given arguments, which sets up a site of its own."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "bench", *arguments]
        return subprocess.run(command, env=project_environment(), capture_output=True, text=True, check=False)

    return run
