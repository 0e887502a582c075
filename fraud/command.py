"""How a command ends: by a fault its reader can mend, with one line and an exit status, or by one Ctrl-C."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Final, NoReturn

import typer

EXIT_ERROR: Final = 2
INTERRUPTS: Final = (signal.SIGINT, signal.SIGTERM)


def print_error(message: object) -> None:
    """Print `error: message` to standard error, red on a terminal."""
    typer.secho(f"error: {message}", fg=typer.colors.RED, err=True)


def interrupt_once() -> None:
    """Have the first SIGINT or SIGTERM raise KeyboardInterrupt, and no further one cut short what then cleans up."""
    for interrupt in INTERRUPTS:
        signal.signal(interrupt, _begin_to_stop)


def _begin_to_stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    for interrupt in INTERRUPTS:
        signal.signal(interrupt, signal.SIG_IGN)
    raise KeyboardInterrupt
