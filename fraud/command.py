"""How a command ends that met a fault its reader can mend: one line on standard error, and this exit status."""

from __future__ import annotations

from typing import Final

import typer

EXIT_ERROR: Final = 2


def print_error(message: object) -> None:
    """Print `error: message` to standard error, red on a terminal."""
    typer.secho(f"error: {message}", fg=typer.colors.RED, err=True)
