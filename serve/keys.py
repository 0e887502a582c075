"""`python -m serve.keys`: make an API key for a client, and list those that the server knows."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from fraud.api_keys import API_KEYS, ApiKey, Role, new_key, parse_api_keys
from fraud.command import EXIT_ERROR, print_error
from fraud.command_line import CommandLine
from fraud.settings import load_settings

app = CommandLine()


@app.command()
def new(
    client: Annotated[str, typer.Argument(help="Name of the client: 1 to 64 letters, digits or . _ -")],
    role: Annotated[list[Role] | None, typer.Option(help="What it may do; may be given several times.")] = None,
) -> None:
    """Make a key: one line for the client, one for the server's settings. The key itself is kept nowhere."""
    key = new_key()
    entry = ApiKey.of(key, client, role or [Role.SCORE])
    try:
        parse_api_keys(str(entry))
    except ValueError:
        print_error(f"{client!r}: expected a name of 1 to 64 letters, digits or . _ -")
        sys.exit(EXIT_ERROR)
    known = _known_keys()
    typer.echo(f"For {client}, shown this once:\n\n{key}\n")
    typer.echo("For the server (`.env`, or wherever its settings are; then restart it):\n")
    typer.echo(f"{API_KEYS}={','.join(map(str, (*known, entry)))}")


@app.command("list")
def list_keys() -> None:
    """Clients and roles of the keys that the server knows. To withdraw one, remove its entry and restart the server."""
    for entry in _known_keys():
        typer.echo(str(entry))


def _known_keys() -> tuple[ApiKey, ...]:
    return load_settings().api_keys


if __name__ == "__main__":
    app()
