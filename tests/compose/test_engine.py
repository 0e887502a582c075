"""Whether a Docker engine can be had is told, and what runs with one keeps its exit status."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.compose.engine.__main__ import UNAVAILABLE, main
from tests.compose.engine.unavailable import EngineUnavailableError, run


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the only programs that are found."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("skips", "status", "said"),
    [
        (False, UNAVAILABLE, "no Docker engine can be had here"),
        (True, 0, "SKIPPED, and so not proven: no Docker"),
    ],
)
def test_a_machine_that_can_have_no_engine_is_told_why(
    programs: Path, capsys: pytest.CaptureFixture[str], skips: bool, status: int, said: str
) -> None:
    marker = programs / "ran"
    assert main(["/usr/bin/touch", str(marker)], skips=skips) == status
    assert capsys.readouterr().out.startswith(said)
    assert not marker.exists()


def test_an_engine_that_is_here_is_taken_and_the_status_is_the_commands(programs: Path) -> None:
    client = programs / "docker"
    client.write_text("#!/bin/sh\nexit 0\n")
    client.chmod(0o755)
    assert main(["/bin/sh", "-c", "exit 7"], skips=True) == 7


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("/bin/sh", "-c", "echo no kernel; exit 4"), "failed with 4:\nno kernel"),
        (("/nonexistent",), "can't be run: No such file"),
        (("/bin/sleep", "60"), "took longer than 1 s"),
    ],
)
def test_what_the_engine_lacks_is_told(command: tuple[str, ...], said: str) -> None:
    with pytest.raises(EngineUnavailableError, match=said):
        run(*command, timeout_s=1)
