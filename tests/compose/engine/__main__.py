"""`python -m tests.compose.engine COMMAND ...`: run a command with a Docker engine; its exit status is ours.

An engine that is here already is taken as it is. Where none is, one is started and removed again, and the command runs
in its network, where ports are free. Where none can be had, the reason is told: that is exit status 3, or, with
`--or-skip`, a success, for machines of which nobody knows whether they can.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Final

import psutil
import typer

from fraud.command_line import CommandLine
from tests.compose.compose_file import COMPOSE_FILE
from tests.compose.engine import bases, daemon, programs
from tests.compose.engine.unavailable import EngineUnavailableError

UNAVAILABLE: Final = 3


app = CommandLine()


@app.command(context_settings={"allow_interspersed_args": False})
def main(
    command: Annotated[list[str], typer.Argument(help="What to run, with its arguments.")],
    *,
    skips: Annotated[bool, typer.Option("--or-skip", help="Succeed where no engine can be had.")] = False,
) -> int:
    """Run a command with a Docker engine: the one that is here, or one that is started for it.

    Exit status: the command's; 3 no engine can be had.
    """
    if _is_here():
        return subprocess.run(command, check=False).returncode
    with ExitStack() as undo:
        try:
            within, environment = _prepare(undo, command)
        except (EngineUnavailableError, OSError, subprocess.SubprocessError, psutil.Error) as error:
            word = "SKIPPED, and so not proven: " if skips else ""
            _say(f"{word}no Docker engine can be had here: {error}")
            return 0 if skips else UNAVAILABLE
        return subprocess.run(within, env=environment, check=False).returncode


def _is_here() -> bool:
    asked = (("docker", "version"), ("docker", "compose", "version"), ("docker", "buildx", "version"))
    return shutil.which("docker") is not None and all(
        subprocess.run(one, capture_output=True, check=False).returncode == 0 for one in asked
    )


def _prepare(undo: ExitStack, command: list[str]) -> tuple[list[str], dict[str, str]]:
    """Start an engine with the bases of our images; the command as it runs with that engine, and its environment."""
    started = time.monotonic()
    daemon.check_machine()
    temporary = tempfile.TemporaryDirectory(prefix="scoring-engine-", ignore_cleanup_errors=True)
    folder = Path(undo.enter_context(temporary))
    found = programs.unpack(folder)
    engine = undo.enter_context(daemon.running(folder, found))
    _say(f"the engine answers after {time.monotonic() - started:.0f} s")
    addition = bases.make(engine, found, folder)
    _say(f"the bases are there after {time.monotonic() - started:.0f} s")
    ours = {"COMPOSE_FILE": f"{COMPOSE_FILE.name}:{addition}", "OUTSIDE_ADDRESS": daemon.OUTSIDE}
    return engine.within(*command), {**engine.environment, **ours}


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a command's own output


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # ends what was begun
    app()
