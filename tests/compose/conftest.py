"""The whole stack on a Docker engine, started once for the tests that need one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compose.stack import BUILD_TIMEOUT_S, PORTS, SMALL, Stack, clone_into


@pytest.fixture(scope="session")
def docker_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A fresh clone, with everything up, monitoring too; nothing of it is left afterwards."""
    folder = tmp_path_factory.mktemp("clone")
    made = clone_into(folder)
    key_file = folder / "metrics_key"
    key_file.touch(mode=0o444)
    made.set(**SMALL, **PORTS, METRICS_API_KEY_FILE=str(key_file))
    with pytest.MonkeyPatch.context() as patch:
        for name in set(made.secrets) & set(os.environ):
            patch.delenv(name)  # it would win over `.env`
        made.run("build", timeout_s=BUILD_TIMEOUT_S)
        try:
            made.up()
            yield made
        finally:
            _show(made)
            made.compose("--profile", "observability", "down", "--volumes", "--timeout", "90")


def _show(stack: Stack) -> None:
    folder = os.environ.get("STACK_LOGS")
    logs = stack.compose("--profile", "observability", "logs", "--no-color", "--tail", "200").stdout
    if folder is not None:
        (Path(folder) / "stack.log").write_text(logs)
