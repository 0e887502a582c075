"""Why no engine is to be had here, which is no fault of the images."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from typing import Final

SAID_CHARACTERS: Final = 2000


class EngineUnavailableError(Exception):
    """The machine lacks something; the text says what."""


def run(*command: str, timeout_s: float, environment: Mapping[str, str] | None = None) -> str:
    """Output of a command on which the engine depends.

    Raises:
        EngineUnavailableError: it failed, is absent, or took longer than it may.
    """
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=timeout_s, env=environment, errors="replace"
        )
    except subprocess.TimeoutExpired as error:
        raise EngineUnavailableError(f"`{' '.join(command)}` took longer than {timeout_s:.0f} s") from error
    except OSError as error:
        raise EngineUnavailableError(f"`{command[0]}` can't be run: {error.strerror}") from error
    if done.returncode != 0:
        said = (done.stdout + done.stderr)[-SAID_CHARACTERS:]
        raise EngineUnavailableError(f"`{' '.join(command)}` failed with {done.returncode}:\n{said}")
    return done.stdout
