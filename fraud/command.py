"""How a command ends: on an error that its reader can correct, with one line and an exit status, or on one Ctrl-C."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Final, NoReturn

import typer

EXIT_ERROR: Final = 2
INTERRUPTS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a service manager, a terminal that is closed."""


def print_error(message: object) -> None:
    """Print `error: message` to standard error, red on a terminal."""
    typer.secho(f"error: {message}", fg=typer.colors.RED, err=True)


def print_note(message: object) -> None:
    """Print `note: message` to standard error, yellow on a terminal."""
    typer.secho(f"note: {message}", fg=typer.colors.YELLOW, err=True)


def interrupt_once() -> None:
    """Make the first SIGINT, SIGTERM or SIGHUP raise KeyboardInterrupt; further ones do not interrupt the clean-up.

    Signals that our parent ignores stay ignored, such as SIGHUP under `nohup`.
    """
    for interrupt in INTERRUPTS:
        if signal.getsignal(interrupt) is not signal.SIG_IGN:
            signal.signal(interrupt, _begin_to_stop)


def _begin_to_stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    for interrupt in INTERRUPTS:
        signal.signal(interrupt, signal.SIG_IGN)
    raise KeyboardInterrupt
